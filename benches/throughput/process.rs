//! A process under measurement: the worker or a peer, with what the kernel counts of it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Fallible;

/// Unit of processor time in /proc, the same on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// A running process; killed when dropped.
pub struct Measured {
    child: Child,
    log: PathBuf,
    listen: Option<String>,
    spawned: Instant,
}

impl Measured {
    /// Starts `undertone run`; `environment` overrides fields of the configuration.
    pub fn worker(config: &Path, environment: &[(&str, &str)]) -> Fallible<Self> {
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_undertone"));
        command
            .args(["run", "--config"])
            .arg(config)
            .env("UNDERTONE_APP__INSTANCE_ID", "bench-0")
            .env("UNDERTONE_OPERATE__LISTEN", &listen)
            .envs(environment.iter().copied());
        let mut worker = Self::start(command, config.with_extension("worker.log"))?;
        worker.listen = Some(listen);
        Ok(worker)
    }

    /// Starts any command; what it says goes to `log`.
    pub fn start(mut command: Command, log: PathBuf) -> Fallible<Self> {
        let file = File::create(&log)?;
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let spawned = Instant::now();
        Ok(Self { child: command.spawn()?, log, listen: None, spawned })
    }

    /// When it was started.
    pub fn spawned(&self) -> Instant {
        self.spawned
    }

    /// Fails with the end of its log when it has ended.
    pub fn check(&mut self) -> Fallible<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(20)..].join("\n");
                Err(format!("the process ended with {status}:\n{tail}").into())
            }
        }
    }

    /// Waits until `/readyz` says ok; gives the time since the start.
    pub fn wait_ready(&mut self) -> Fallible<Duration> {
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if self.status("/readyz") == Some(200) {
                return Ok(self.spawned.elapsed());
            }
            self.check()?;
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("the worker does not get ready".into())
    }

    fn status(&self, page: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(self.listen.as_ref()?).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {page} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// Processor seconds used so far.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.child.id())
    }

    /// Peak and present resident memory in MB (10^6 bytes).
    pub fn memory_mb(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse().ok());
            kib.map_or(f64::NAN, |kib: f64| kib * 1024.0 / 1e6)
        };
        (field("VmHWM:"), field("VmRSS:"))
    }

    /// SIGTERM, and the wait for its end.
    pub fn terminate(mut self) -> Fallible<()> {
        let id = self.child.id().to_string();
        // `sh` has `kill` built in; the command of that name is missing from slim images.
        Command::new("sh").args(["-c", &format!("kill -s TERM {id}")]).status()?;
        let deadline = Instant::now() + Duration::from_secs(40);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err("the process does not stop".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor seconds of a process, user and system; 0 where it is gone.
pub fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name in brackets may hold spaces; the 14th and 15th fields are 11 and 12 after it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

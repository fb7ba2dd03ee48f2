//! The worker as a process of its own, as operators run it: started, killed, asked to stop.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running `undertone run`; killed when dropped.
pub struct Worker {
    child: Child,
    log: PathBuf,
    listen: String,
}

/// A port that was free a moment ago.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

impl Worker {
    /// Starts the binary with a configuration file; `environment` overrides its fields.
    pub fn start(config: &Path, instance: &str, environment: &[(&str, &str)]) -> Self {
        let listen = free_address();
        let log = config.with_file_name(format!("{instance}-{}.log", super::unique("run")));
        let errors = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_undertone"))
            .args(["run", "--config"])
            .arg(config)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("UNDERTONE_APP__INSTANCE_ID", instance)
            .env("UNDERTONE_OPERATE__LISTEN", &listen)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        Self { child, log, listen }
    }

    /// Body of a page of the worker's endpoint with its status; `None` while it does not answer.
    pub fn get(&self, page: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.listen).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {page} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Waits until `/readyz` says ok.
    pub fn wait_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if self.get("/readyz").is_some_and(|(status, _)| status == 200) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the worker ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the worker is not ready:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGKILL, and waits for the end. The worker's log stays readable.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its short name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        // `sh` has `kill` built in; the command of that name is missing from slim images.
        let script = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success(), "cannot send SIG{name}");
    }

    /// The exit status, when it has ended.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for the end; `None` when `limit` has passed before.
    pub fn wait_exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.exit_status() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGTERM, then the exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_exit(Duration::from_secs(40)).unwrap_or_else(|| panic!("the worker does not stop:\n{}", self.log()))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

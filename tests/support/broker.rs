//! Real Kafka brokers (KRaft, controller and broker in one process) that live in a temporary
//! folder and never outlive the test process, whatever way it ends.
//!
//! Two things see to that. `Drop` kills and removes what a test owns, also when the test panics.
//! For the rest (the shared broker in a static, which is never dropped; SIGKILL of the test
//! process) each cluster has a *janitor*: a shell that reads from a pipe held by this process and,
//! at its end, kills the brokers and removes the folder. `PR_SET_PDEATHSIG` would not do: it fires
//! when the *thread* that started the broker ends, and test threads do.

use super::{
    client,
    toolchain::{Toolchain, skip_notice},
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};
use std::{
    env,
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

/// Names another cluster to test against, in place of one started here.
const BOOTSTRAP_VARIABLE: &str = "UNDERTONE_TEST_BOOTSTRAP";

/// Any valid base64 UUID; all nodes of a cluster must agree on it.
const CLUSTER_ID: &str = "VW5kZXJ0b25lVGVzdEthZg";

/// Generous: a boot takes two seconds on an idle machine, but tests share theirs with compilers.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A Kafka cluster for tests: its own, or the one that `UNDERTONE_TEST_BOOTSTRAP` names.
#[derive(Debug)]
pub struct RealKafka {
    bootstrap: String,
    owned: Option<Owned>,
}

#[derive(Debug)]
struct Owned {
    toolchain: Toolchain,
    directory: PathBuf,
    nodes: Vec<Node>,
    janitor: Mutex<Child>,
}

#[derive(Debug)]
struct Node {
    id: usize,
    port: u16,
    directory: PathBuf,
    /// `None` after `kill` or `stop`.
    process: Mutex<Option<Child>>,
}

impl RealKafka {
    /// Returns the cluster that all tests of this binary share, started at the first call.
    ///
    /// Use topics and groups of your own (`support::unique`), and leave its brokers running. `None`: there
    /// is no Java or Maven here, and `skip_notice` has said so.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Option<RealKafka>, String>> = OnceLock::new();
        // The error is kept, so that a broker which does not start is waited for once.
        let shared = SHARED.get_or_init(|| match env::var(BOOTSTRAP_VARIABLE) {
            Ok(bootstrap) if !bootstrap.is_empty() => {
                client::check_answers(&bootstrap)?;
                Ok(Some(Self { bootstrap, owned: None }))
            }
            _ => Self::try_start(1),
        });
        match shared {
            Ok(kafka) => kafka.as_ref(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts a single broker that belongs to the caller, who may kill and restart it.
    ///
    /// Always a new one, whatever the environment names: another cluster is not ours to kill.
    pub fn start() -> Option<Self> {
        Self::start_cluster(1)
    }

    /// Starts `size` brokers, each also a controller; with three, any one of them may fail.
    pub fn start_cluster(size: usize) -> Option<Self> {
        Self::try_start(size).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_start(size: usize) -> Result<Option<Self>, String> {
        let toolchain = match Toolchain::prepare() {
            Ok(toolchain) => toolchain,
            Err(reason) => {
                skip_notice(&reason);
                return Ok(None);
            }
        };
        // A port may be taken between our look and the broker's; then another set is tried.
        let mut attempt = 1;
        loop {
            match Owned::start(&toolchain, size) {
                Ok(owned) => {
                    let bootstrap = owned.bootstrap();
                    return Ok(Some(Self { bootstrap, owned: Some(owned) }));
                }
                Err(error) if attempt < 3 && error.contains("Address already in use") => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Addresses for `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Kills a broker (counted from 0) as a crash would, with SIGKILL.
    pub fn kill(&self, broker: usize) {
        self.owned().nodes[broker].kill();
    }

    /// Stops a broker in order, with SIGTERM.
    pub fn stop(&self, broker: usize) {
        let node = &self.owned().nodes[broker];
        node.signal("TERM");
        node.wait_for_exit(Duration::from_secs(30));
    }

    /// Freezes a broker (SIGSTOP): connections stay open and nothing answers.
    pub fn pause(&self, broker: usize) {
        self.owned().nodes[broker].signal("STOP");
    }

    /// Lets a frozen broker go on.
    pub fn resume(&self, broker: usize) {
        self.owned().nodes[broker].signal("CONT");
    }

    /// Starts a broker again on its port and data, killing it first where it runs; returns when
    /// it answers.
    pub fn restart(&self, broker: usize) {
        let owned = self.owned();
        owned.nodes[broker].kill();
        owned.nodes[broker]
            .spawn(&owned.toolchain)
            .and_then(|()| await_ready(&owned.nodes[broker..=broker]))
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Returns the process id of a running broker.
    pub fn process_id(&self, broker: usize) -> Option<u32> {
        self.owned().nodes[broker].process.lock().unwrap().as_ref().map(Child::id)
    }

    fn owned(&self) -> &Owned {
        self.owned.as_ref().expect("the brokers of another cluster are not ours to stop")
    }
}

impl Owned {
    fn start(toolchain: &Toolchain, size: usize) -> Result<Self, String> {
        // The janitor removes the folder, so `TempDir` must not.
        let directory = tempfile::Builder::new()
            .prefix("undertone-kafka-")
            .tempdir()
            .map_err(|e| format!("cannot create a temporary folder: {e}"))?
            .keep();
        let janitor = spawn_janitor(&directory)?;
        let ports = free_ports(2 * size)?;
        let nodes = (0..size)
            .map(|index| Node {
                id: index + 1,
                port: ports[2 * index],
                directory: directory.join(format!("node{}", index + 1)),
                process: Mutex::new(None),
            })
            .collect();
        let owned = Self { toolchain: toolchain.clone(), directory, nodes, janitor: Mutex::new(janitor) };
        // From here on an early return drops `owned`, which cleans up.
        let voters: Vec<_> = owned.nodes.iter().map(|node| (node.id, ports[2 * node.id - 1])).collect();
        for node in &owned.nodes {
            node.format(toolchain, &voters)?;
        }
        for node in &owned.nodes {
            node.spawn(toolchain)?;
        }
        await_ready(&owned.nodes)?;
        Ok(owned)
    }

    fn bootstrap(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(Node::address).collect();
        addresses.join(",")
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        for node in &self.nodes {
            if thread::panicking() {
                eprintln!("log of Kafka node {} ends:\n{}", node.id, node.log_tail());
            }
            node.kill();
        }
        if let Ok(janitor) = self.janitor.get_mut() {
            drop(janitor.stdin.take());
            let _ = janitor.wait();
        }
    }
}

impl Node {
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("broker.log")
    }

    /// Where the janitor finds the process id.
    fn pid_file(&self) -> PathBuf {
        self.directory.with_extension("pid")
    }

    fn properties(&self) -> PathBuf {
        self.directory.join("server.properties")
    }

    fn format(&self, toolchain: &Toolchain, voters: &[(usize, u16)]) -> Result<(), String> {
        fs::create_dir_all(&self.directory).map_err(|e| format!("cannot create {}: {e}", self.directory.display()))?;
        let path = self.properties();
        fs::write(&path, self.render_properties(voters))
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        let output = Command::new(&toolchain.java)
            .args(toolchain.java_arguments("-Xmx128m"))
            .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("cannot run the Kafka storage tool: {e}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "the Kafka storage tool failed ({}):\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    fn render_properties(&self, voters: &[(usize, u16)]) -> String {
        let controller_port = voters.iter().find(|(id, _)| *id == self.id).map_or(0, |(_, port)| *port);
        let quorum: Vec<_> = voters.iter().map(|(id, port)| format!("{id}@127.0.0.1:{port}")).collect();
        let replicas = voters.len().min(3);
        let in_sync = if replicas == 3 { 2 } else { 1 };
        let settings = [
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", self.id.to_string()),
            ("controller.quorum.voters", quorum.join(",")),
            ("listeners", format!("BROKER://{},CONTROLLER://127.0.0.1:{controller_port}", self.address())),
            ("advertised.listeners", format!("BROKER://{}", self.address())),
            ("inter.broker.listener.name", "BROKER".to_owned()),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            ("listener.security.protocol.map", "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned()),
            ("log.dirs", self.directory.join("data").display().to_string()),
            ("auto.create.topics.enable", "false".to_owned()),
            ("default.replication.factor", replicas.to_string()),
            ("min.insync.replicas", in_sync.to_string()),
            ("offsets.topic.replication.factor", replicas.to_string()),
            ("offsets.topic.num.partitions", "4".to_owned()),
            // Without these two a cluster smaller than three never answers `init_transactions`.
            ("transaction.state.log.replication.factor", replicas.to_string()),
            ("transaction.state.log.min.isr", in_sync.to_string()),
            ("transaction.state.log.num.partitions", "4".to_owned()),
            ("share.coordinator.state.topic.replication.factor", replicas.to_string()),
            ("share.coordinator.state.topic.min.isr", in_sync.to_string()),
            // What a killed worker leaves behind should not take ten seconds to be noticed.
            ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000".to_owned()),
            ("group.initial.rebalance.delay.ms", "0".to_owned()),
            ("group.min.session.timeout.ms", "1000".to_owned()),
            // A restarted broker is let in again when the session of its killed self has ended.
            ("broker.session.timeout.ms", "4000".to_owned()),
            ("broker.heartbeat.interval.ms", "500".to_owned()),
            // Small: segments roll and compact within a test, and little memory is held.
            ("log.segment.bytes", "8388608".to_owned()),
            ("log.index.size.max.bytes", "1048576".to_owned()),
            ("log.cleaner.dedupe.buffer.size", "8388608".to_owned()),
            ("num.network.threads", "2".to_owned()),
            ("num.io.threads", "4".to_owned()),
        ];
        settings.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name}={value}");
            text
        })
    }

    fn spawn(&self, toolchain: &Toolchain) -> Result<(), String> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .map_err(|e| format!("cannot open {}: {e}", self.log().display()))?;
        let errors = log.try_clone().map_err(|e| format!("cannot share the broker's log: {e}"))?;
        // The process names itself in the pid file before it becomes Java: at no moment is there a
        // broker that the janitor cannot find, and none starts once the folder is gone.
        let child = Command::new("sh")
            .args(["-c", r#"echo $$ >"$0" && exec "$@""#])
            .arg(self.pid_file())
            .arg(&toolchain.java)
            .args(toolchain.java_arguments("-Xmx512m"))
            .arg("kafka.Kafka")
            .arg(self.properties())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C at the terminal is for the test process; brokers go with it, in order.
            .process_group(0)
            .spawn()
            .map_err(|e| format!("cannot start Kafka: {e}"))?;
        *self.process.lock().unwrap() = Some(child);
        Ok(())
    }

    fn kill(&self) {
        // Also reached while a test panics, when the lock may be poisoned.
        let process = self.process.lock().map_or_else(|poisoned| poisoned.into_inner().take(), |mut p| p.take());
        if let Some(mut child) = process {
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_file(self.pid_file());
        }
    }

    fn signal(&self, name: &str) {
        let process = self.process.lock().unwrap();
        let id = process.as_ref().expect("the broker is not running").id();
        // `sh` has `kill` built in; the command of that name is missing from slim images.
        let status = Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]).status();
        assert!(status.is_ok_and(|s| s.success()), "cannot send SIG{name} to the broker");
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        self.process.lock().unwrap().as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    fn wait_for_exit(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.exit_status().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }

    fn log_tail(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Waits until each of `nodes` lists itself among the cluster's live brokers.
fn await_ready(nodes: &[Node]) -> Result<(), String> {
    let deadline = Instant::now() + READY_WITHIN;
    for node in nodes {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", node.address())
            .set("reconnect.backoff.max.ms", "200")
            // Refused connections are what waiting looks like; they are no news.
            .set("log_level", "2")
            .create()
            .map_err(|e| format!("cannot create a client: {e}"))?;
        loop {
            let seen = consumer
                .fetch_metadata(None, Duration::from_millis(500))
                .is_ok_and(|m| m.brokers().iter().any(|b| usize::try_from(b.id()) == Ok(node.id)));
            if seen {
                break;
            }
            if let Some(status) = node.exit_status() {
                return Err(format!("Kafka node {} ended with {status}; its log ends:\n{}", node.id, node.log_tail()));
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "Kafka node {} was not ready within {} s; its log ends:\n{}",
                    node.id,
                    READY_WITHIN.as_secs(),
                    node.log_tail()
                ));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Starts the shell that outlives this process by a moment, to clean up after it.
///
/// It writes nowhere: an inherited standard output would keep `cargo test | tail` waiting.
fn spawn_janitor(directory: &Path) -> Result<Child, String> {
    const SCRIPT: &str = r#"
        while read -r _; do :; done
        for file in "$0"/*.pid; do
            [ -f "$file" ] && kill -s KILL "$(cat "$file")"
        done
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            rm -rf "$0" && break
            sleep 0.2
        done"#;
    Command::new("sh")
        .args(["-c", SCRIPT])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("cannot start the janitor: {e}"))
}

/// Returns ports that nothing listens on, outside the range the system draws from for outgoing
/// connections: a client that keeps trying a killed broker's port could otherwise be given that
/// very port, connect to itself and block the restart.
fn free_ports(count: usize) -> Result<Vec<u16>, String> {
    let mut held = Vec::new();
    for _ in 0..1000 {
        let port = 18_000 + (client::random() % 14_000) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
        if held.len() == count {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
    }
    Err("no free ports between 18000 and 32000".to_owned())
}

//! What can be checked of `docker-compose.yml` without Docker: that it parses, that what it mounts
//! is there, and that its names, ports, versions, commands and queries agree with the code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken file should stop the test where it breaks")]

use regex::Regex;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use undertone::{config::Config, operate::metrics};

/// What the `prometheus` crate's process collector exports.
const STANDARD_METRICS: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn text(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|e| panic!("cannot read {relative}: {e}"))
}

fn yaml(relative: &str) -> Value {
    serde_saphyr::from_str(&text(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn services(compose: &Value) -> impl Iterator<Item = (&str, &Value)> {
    compose["services"].as_object().unwrap().iter().map(|(name, service)| (name.as_str(), service))
}

/// The services that run the project's own image.
fn own(compose: &Value) -> impl Iterator<Item = (&str, &Value)> {
    services(compose).filter(|(_, service)| !service["build"].is_null())
}

/// The shipped configuration as a service sees it.
fn config_of(service: &Value) -> Config {
    let environment = service["environment"].as_object().into_iter().flatten();
    let variables: Vec<_> =
        environment.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    for (name, _) in &variables {
        // Without the double underscore it would be passed over in silence.
        assert!(name.starts_with("UNDERTONE_") && name.contains("__"), "`{name}` sets no field");
    }
    Config::from_text(&text("config/undertone.toml"), "config/undertone.toml", variables).unwrap()
}

fn shipped_config() -> Config {
    config_of(&Value::Null)
}

fn port_of(address: &str) -> u16 {
    address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no port in `{address}`"))
}

/// Published ports as (host, container).
fn ports(service: &Value) -> Vec<(u16, u16)> {
    strings(&service["ports"])
        .into_iter()
        .map(|mapping| {
            let pair = mapping.strip_prefix("127.0.0.1:");
            let (host, container) = pair.and_then(|p| p.split_once(':')).unwrap_or_else(|| {
                panic!("`{mapping}` is not published on the loopback alone, and nothing here asks for a password")
            });
            (host.parse().unwrap(), container.parse().unwrap())
        })
        .collect()
}

fn assert_pinned(image: &str) {
    let tag = image.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    assert_ne!(tag, "latest", "`{image}` is not pinned");
}

#[test]
fn images_are_pinned_to_the_versions_used_elsewhere() {
    let compose = yaml("docker-compose.yml");
    for (_, service) in services(&compose) {
        assert_pinned(service["image"].as_str().unwrap());
    }
    let dockerfile = text("Dockerfile");
    let bases: Vec<_> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next()).collect();
    for image in &bases {
        assert_pinned(image);
    }

    let toolchain: toml::Table = toml::from_str(&text("rust-toolchain.toml")).unwrap();
    let rust = format!("rust:{}-bookworm", toolchain["toolchain"]["channel"].as_str().unwrap());
    assert!(bases.contains(&rust.as_str()), "the Dockerfile does not build with {rust}");

    let pom = text("tests/support/kafka/pom.xml");
    let tested = pom.split("<kafka.version>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    assert_eq!(compose["services"]["kafka"]["image"], format!("apache/kafka:{tested}"));
}

#[test]
fn mounts_exist() {
    let compose = yaml("docker-compose.yml");
    for (name, service) in services(&compose) {
        for mount in strings(&service["volumes"]) {
            let source = mount.split(':').next().unwrap();
            if let Some(file) = source.strip_prefix("./") {
                assert!(path(file).exists(), "{name} mounts {source}, which is not there");
                assert!(mount.ends_with(":ro"), "{name} could write to {source}");
            } else {
                assert!(compose["volumes"].get(source).is_some(), "{name} mounts `{source}`, which is not declared");
            }
        }
    }
}

#[test]
fn copied_files_exist() {
    for line in text("Dockerfile").lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from=")) {
        let arguments: Vec<_> = line.split_whitespace().skip(1).collect();
        for source in &arguments[..arguments.len() - 1] {
            assert!(path(source).exists(), "the Dockerfile copies {source}, which is not there");
        }
    }
}

#[test]
fn dependencies_can_be_met() {
    let compose = yaml("docker-compose.yml");
    let image_has_check = text("Dockerfile").contains("\nHEALTHCHECK ");
    for (name, service) in services(&compose) {
        for (needed, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other = &compose["services"][needed];
            assert!(!other.is_null(), "{name} depends on `{needed}`, which is no service");
            if how["condition"] == "service_healthy" {
                let built_in = image_has_check && !other["build"].is_null();
                let checked =
                    if other["healthcheck"].is_null() { built_in } else { other["healthcheck"]["disable"] != true };
                assert!(checked, "{name} waits for the health of `{needed}`, which has no check");
            }
        }
        for needed in strings(&service["depends_on"]) {
            assert!(!compose["services"][needed].is_null(), "{name} depends on `{needed}`, which is no service");
        }
    }
}

#[test]
fn brokers_are_reached_where_they_are_advertised() {
    let compose = yaml("docker-compose.yml");
    let kafka = &compose["services"]["kafka"];
    let listeners: Vec<_> = kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].as_str().unwrap().split(',').collect();
    let advertises = |address: &str| listeners.iter().any(|l| l.split("://").nth(1) == Some(address));

    for (name, service) in own(&compose) {
        let address = config_of(service).kafka.bootstrap_servers.clone();
        assert!(address.starts_with("kafka:") && advertises(&address), "{name} looks for the brokers at {address}");
    }
    // From this host, with the configuration as shipped.
    let address = shipped_config().kafka.bootstrap_servers.clone();
    let published: Vec<_> = ports(kafka).into_iter().map(|(host, _)| host).collect();
    assert!(advertises(&address), "{address} is not advertised");
    assert!(published.contains(&port_of(&address)), "{address} is not published");
}

#[test]
fn the_worker_is_reached_where_it_listens() {
    let compose = yaml("docker-compose.yml");
    let port = port_of(&shipped_config().operate.listen);

    let worker = &compose["services"]["undertone"];
    let config = config_of(worker);
    assert_eq!(config.operate.listen, format!("0.0.0.0:{port}"), "nobody outside the container could scrape it");
    assert!(config.app.instance_id.is_some(), "`run` needs an instance id");
    assert_eq!(ports(worker), [(port, port)]);
    let grace = worker["stop_grace_period"].as_str().unwrap().strip_suffix('s').unwrap().parse::<u64>().unwrap();
    assert!(grace * 1000 > config.operate.drain_timeout_ms, "docker would kill it while it drains");

    let dockerfile = text("Dockerfile");
    assert!(dockerfile.contains(&format!("\nEXPOSE {port}\n")));
    assert!(dockerfile.contains(&format!("/dev/tcp/127.0.0.1/{port} ")));
    assert!(dockerfile.contains(&format!("UNDERTONE_OPERATE__LISTEN=0.0.0.0:{port} ")));

    let prometheus = yaml("config/prometheus/prometheus.yml");
    let jobs = prometheus["scrape_configs"].as_array().unwrap();
    let targets: Vec<_> = jobs
        .iter()
        .flat_map(|job| job["static_configs"].as_array().unwrap())
        .flat_map(|c| strings(&c["targets"]))
        .collect();
    assert_eq!(targets, [format!("undertone:{port}")]);
}

#[test]
fn commands_are_understood() {
    let compose = yaml("docker-compose.yml");
    for (name, service) in own(&compose) {
        // Arguments are read from left to right, so an unknown one fails before `--help` is met.
        let command = strings(&service["command"]);
        let output = Command::new(env!("CARGO_BIN_EXE_undertone")).args(&command).arg("--help").output().unwrap();
        assert!(output.status.success(), "{name}: {command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let mounts = strings(&service["volumes"]);
        let file = command.iter().skip_while(|argument| **argument != "--config").nth(1).unwrap();
        assert!(
            mounts.contains(&format!("./config/undertone.toml:{file}:ro").as_str()),
            "{name} does not mount {file}"
        );
    }
}

#[test]
fn the_feed_plays_to_topics_that_are_read() {
    let config = shipped_config();
    for line in text("demo/feed.jsonl").lines().filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_str(line).unwrap();
        let topic = record["topic"].as_str().unwrap();
        assert!(config.topics.inputs.contains_key(topic), "nobody reads `{topic}`");
    }
}

fn dashboards() -> Vec<(String, Value)> {
    let files = fs::read_dir(path("config/grafana/dashboards")).unwrap();
    let parsed: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|file| (file.display().to_string(), serde_json::from_slice(&fs::read(&file).unwrap()).unwrap()))
        .collect();
    assert!(!parsed.is_empty());
    parsed
}

#[test]
fn grafana_finds_its_data_and_dashboards() {
    let compose = yaml("docker-compose.yml");
    let sources = yaml("config/grafana/provisioning/datasources/prometheus.yml");
    let source = &sources["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    assert!(ports(&compose["services"]["prometheus"]).contains(&(9090, 9090)));

    let providers = yaml("config/grafana/provisioning/dashboards/undertone.yml");
    let folder = providers["providers"][0]["options"]["path"].as_str().unwrap();
    let mount = format!("./config/grafana/dashboards:{folder}:ro");
    assert!(strings(&compose["services"]["grafana"]["volumes"]).contains(&mount.as_str()));

    for (file, dashboard) in dashboards() {
        for panel in dashboard["panels"].as_array().unwrap() {
            assert_eq!(panel["datasource"]["uid"], source["uid"], "{file}: {}", panel["title"]);
        }
    }
}

/// All `expr` anywhere below, of dashboards and rule files alike.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| expressions(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn queries_name_metrics_that_exist() {
    let known: BTreeSet<&str> = metrics::NAMES.iter().chain(&STANDARD_METRICS).copied().collect();
    let mut queries = Vec::new();
    for (_, dashboard) in dashboards() {
        expressions(&dashboard, &mut queries);
    }
    expressions(&yaml("config/prometheus/rules.yml"), &mut queries);
    assert!(queries.len() > 10, "the queries were not found");

    let name = Regex::new(r"\b(?:undertone|process)_[a-z0-9_]+").unwrap();
    for query in &queries {
        for found in name.find_iter(query).map(|m| m.as_str()) {
            let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| found.strip_suffix(suffix));
            let exists = known.contains(found) || histogram.is_some_and(|base| known.contains(base));
            assert!(exists, "`{found}` is no metric of this worker, but is asked for in: {query}");
        }
    }
}

#[test]
fn promtool_accepts_the_rules() {
    let promtool =
        |arguments: &[&str]| Command::new("promtool").args(arguments).current_dir(path("config/prometheus")).output();
    if let Err(error) = promtool(&["--version"]) {
        let required = env::var("CI").is_ok_and(|value| value == "true");
        assert!(!required, "promtool is required here ({error}); on Debian: apt-get install prometheus");
        eprintln!("\n*** SKIPPED (no promtool): {error}; on Debian: apt-get install prometheus\n");
        return;
    }
    for arguments in
        [["check", "config", "prometheus.yml"], ["check", "rules", "rules.yml"], ["test", "rules", "rules.test.yml"]]
    {
        let output = promtool(&arguments).unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "promtool {}: {}", arguments.join(" "), String::from_utf8_lossy(&said));
    }
}

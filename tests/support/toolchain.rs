//! Finds Java and Maven, collects the broker's jars once, and says loudly when it cannot.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const MINIMUM_JAVA: u32 = 17;

/// What is needed to start a broker.
#[derive(Clone, Debug)]
pub struct Toolchain {
    pub java: PathBuf,
    pub class_path: OsString,
}

impl Toolchain {
    /// Finds Java and prepares the class path; the error says what is missing.
    ///
    /// Maven runs only when `pom.xml` has changed since the jars were collected.
    pub fn prepare() -> Result<Self, String> {
        let java = find_java()?;
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/kafka");
        let target = project.join("target");
        fs::create_dir_all(&target).map_err(|e| format!("cannot create {}: {e}", target.display()))?;

        // Test binaries may run side by side; the lock goes with the file handle.
        let lock_path = target.join("prepare.lock");
        let lock = File::create(&lock_path).map_err(|e| format!("cannot open {}: {e}", lock_path.display()))?;
        lock.lock().map_err(|e| format!("cannot lock {}: {e}", lock_path.display()))?;

        let pom = fs::read(project.join("pom.xml")).map_err(|e| format!("cannot read pom.xml: {e}"))?;
        let stamp = target.join("prepared-pom.xml");
        if fs::read(&stamp).ok().as_deref() != Some(&pom) {
            // A new version must not leave the old one's jars on the class path.
            let _ = fs::remove_dir_all(target.join("lib"));
            run_maven(&project)?;
            fs::write(&stamp, &pom).map_err(|e| format!("cannot write {}: {e}", stamp.display()))?;
        }
        Ok(Self { java, class_path: target.join("lib").join("*").into_os_string() })
    }

    /// Returns arguments for `java`: class path, logging, and quick start preferred over peak speed.
    pub fn java_arguments(&self, heap: &str) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = [
            heap,
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
            "-cp",
        ]
        .iter()
        .map(OsString::from)
        .collect();
        arguments.push(self.class_path.clone());
        arguments
    }
}

/// Prints that the tests on a real Kafka are left out, or panics where that may not pass unseen.
///
/// # Panics
/// With `CI=true` or `UNDERTONE_REQUIRE_KAFKA=1` in the environment.
pub fn skip_notice(reason: &str) {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
    assert!(!is("CI", "true") && !is("UNDERTONE_REQUIRE_KAFKA", "1"), "real Kafka is required here, but: {reason}");
    eprintln!("\n*** SKIPPED (no Java {MINIMUM_JAVA}/Maven): {reason}\n");
}

fn find_java() -> Result<PathBuf, String> {
    let java = env::var_os("JAVA_HOME")
        .map(|home| PathBuf::from(home).join("bin/java"))
        .filter(|java| java.exists())
        .unwrap_or_else(|| PathBuf::from("java"));
    let output = Command::new(&java).arg("-version").output().map_err(|e| {
        format!("Java {MINIMUM_JAVA} or newer was not found ({e}); on Debian: apt-get install openjdk-17-jre-headless")
    })?;
    // `openjdk version "17.0.15" ...`; before Java 9 it read "1.8.0", which is old enough either way.
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let major = text
        .split('"')
        .nth(1)
        .and_then(|version| version.split(['.', '-', '+']).next())
        .and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= MINIMUM_JAVA => Ok(java),
        _ => Err(format!("Java {MINIMUM_JAVA} or newer is needed, {} says: {}", java.display(), text.trim())),
    }
}

fn run_maven(project: &Path) -> Result<(), String> {
    let output = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "package"])
        .current_dir(project)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("Maven was not found ({e}); on Debian: apt-get install maven"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "Maven could not collect the jars ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

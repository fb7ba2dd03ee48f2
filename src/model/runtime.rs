//! ONNX Runtime's shared library: found, loaded once, never searched on the system's path.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::ModelError;

/// The loaded library and its one environment; cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    pub(super) environment: ort::environment::Environment,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library from `configured`, `ORT_DYLIB_PATH` or `.onnxruntime/`; once per process.
    pub fn load(configured: Option<&Path>) -> Result<Self, ModelError> {
        let mut loaded = LOADED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let path = find_library(configured)?;
        let failed = |error: &dyn std::fmt::Display| {
            ModelError::Runtime(format!(
                "cannot load ONNX Runtime from `{}`: {error}; version 1.24 or later is needed",
                path.display()
            ))
        };
        // First of all ort calls, with a path that exists: a failing search would block for ever
        // in older versions (pykeio/ort#560).
        let environment = ort::init_from(&path)
            .map_err(|error| failed(&error))?
            .with_name("undertone")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(&error))?;
        environment.set_log_level(ort::logging::LogLevel::Warning);
        let runtime = Self { environment };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }
}

/// Finds the library file, or says where it was looked for and how to get it.
pub fn find_library(configured: Option<&Path>) -> Result<PathBuf, ModelError> {
    let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let from_environment = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = configured.map(Path::to_owned).or(from_environment) {
        if path.is_file() {
            return Ok(path);
        }
        return Err(ModelError::Runtime(format!(
            "no ONNX Runtime at `{}`; mend `model.onnxruntime` or ORT_DYLIB_PATH",
            path.display()
        )));
    }
    let mut folders = vec![PathBuf::from(".onnxruntime")];
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        // target/<profile>/undertone and target/<profile>/deps/<test> find the project's own copy.
        folders.extend(folder.ancestors().take(4).map(|ancestor| ancestor.join(".onnxruntime")));
        folders.push(folder.to_owned());
    }
    folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file()).ok_or_else(|| {
        ModelError::Runtime(format!(
            "`{name}` was found neither in `.onnxruntime/` nor beside the binary; run scripts/onnxruntime.sh, or set ORT_DYLIB_PATH or `model.onnxruntime`"
        ))
    })
}

//! Where a model lies: a folder by its path, or by its bare name among the shipped ones.

use std::path::{Component, Path, PathBuf};

use super::ModelError;
use super::manifest::MANIFEST;

/// Folder of the models that are named without a path, relative to the working folder as the default path is.
pub(super) const SHELF: &str = "models";

/// Finds the folder that `model.path` or `--model` means: the path itself, else a bare name below `models/`.
pub fn find_folder(path: &Path) -> Result<PathBuf, ModelError> {
    find(path, Path::new(SHELF))
}

fn find(path: &Path, shelf: &Path) -> Result<PathBuf, ModelError> {
    let mut candidates = vec![path.to_owned()];
    if is_bare(path) {
        candidates.push(shelf.join(path));
    }
    match candidates.iter().find(|folder| folder.join(MANIFEST).exists()) {
        Some(folder) => Ok(folder.clone()),
        None => Err(ModelError::NotFound {
            tried: candidates.iter().map(|folder| format!("`{}`", folder.join(MANIFEST).display())).collect(),
            there: models(shelf),
        }),
    }
}

/// Whether it is a name without any folder.
fn is_bare(path: &Path) -> bool {
    let mut parts = path.components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// Names of the models on a shelf, sorted.
fn models(shelf: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(shelf).into_iter().flatten().flatten();
    let mut names: Vec<String> = folders
        .filter(|folder| folder.path().join(MANIFEST).exists())
        .map(|folder| folder.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_wins_a_bare_name_is_looked_up_and_else_all_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = folder.path().join("models");
        for name in ["small", "fast"] {
            std::fs::create_dir_all(shelf.join(name)).unwrap();
            std::fs::write(shelf.join(name).join(MANIFEST), "").unwrap();
        }
        std::fs::create_dir(shelf.join("empty")).unwrap();
        assert_eq!(find(&shelf.join("fast"), &shelf).unwrap(), shelf.join("fast"));
        assert_eq!(find(Path::new("fast"), &shelf).unwrap(), shelf.join("fast"));
        let error = find(Path::new("empty"), &shelf).unwrap_err().to_string();
        assert!(error.contains("`empty/manifest.toml`") && error.contains("models/empty/manifest.toml`"), "{error}");
        assert!(error.ends_with("`fast`, `small`"), "{error}");
        let error = find(Path::new("a/b"), &shelf).unwrap_err().to_string();
        assert!(!error.contains("models/a/b"), "a path is not looked up by name: {error}");
    }
}

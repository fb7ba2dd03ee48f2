//! The schema files are the code's, and the sample feed follows the inbound ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use jiff::Timestamp;
use undertone::commands::{feed, schema::schemas};
use undertone::config::Config;

#[test]
fn the_files_in_schemas_are_what_the_code_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut files: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut names: Vec<String> = schemas().iter().map(|(name, _)| format!("{name}.json")).collect();
    names.sort();
    assert_eq!(files, names, "run `make schemas`");
    for (name, schema) in schemas() {
        let file: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap();
        assert_eq!(file, schema, "{name}: run `make schemas`");
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn sample_messages_follow_the_inbound_schemas() {
    let config = Config::from_text("", "x", []).unwrap();
    let validators: Vec<_> =
        schemas().into_iter().map(|(name, schema)| (name, jsonschema::validator_for(&schema).unwrap())).collect();
    let mut followed = 0;
    for sample in feed::records(&config, Timestamp::now()).unwrap() {
        let expected_ticket = sample.expect.as_ref().is_some_and(|expect| expect.outcome == "ticket");
        let plain = sample.record.headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let Some(payload) = sample.record.payload.filter(|_| expected_ticket && plain) else { continue };
        // A half surrogate is repaired by the decoder, but is no JSON.
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&payload) else { continue };
        let name = sample.record.topic.replace("support.", "message.") + ".v1";
        let (_, validator) = validators.iter().find(|(known, _)| *known == name).unwrap();
        for error in validator.iter_errors(&value) {
            // What the decoder accepts beyond the contract: see src/message/schema.rs.
            let path = error.instance_path().to_string();
            let lenient = path == "/sent_at" || (path.is_empty() && value.get("id").is_none());
            assert!(lenient, "{name} {}: {path}: {error}", value["id"]);
        }
        followed += 1;
    }
    assert!(followed > 200, "{followed}");
}

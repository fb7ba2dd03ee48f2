//! Reading and refusing policy files.

use super::*;

fn error(text: &str) -> String {
    Policy::from_toml(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_the_shipped_policy() {
    let (empty, shipped) = (with(""), shipped());
    assert_eq!((empty.name(), empty.version()), ("default", "1"));
    assert_eq!(format!("{:?}", empty.settings), format!("{:?}", shipped.settings));
    assert_ne!(empty.digest(), shipped.digest());
}

#[test]
fn the_digest_is_that_of_the_text() {
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(with("").digest(), empty);
}

#[test]
fn a_file_names_only_what_differs() {
    let policy = with("name = \"brand\"\nversion = \"7\"\n[social]\nwide_from = 5000\n");
    assert_eq!((policy.name(), policy.version()), ("brand", "7"));
    let facts = ordinary().sentiment("negative", 0.9).post(Some(5_000));
    assert_eq!(policy.decide(&facts).priority, Priority::P2);
}

#[test]
fn mistakes_are_refused_with_line_and_field() {
    for (text, line, parts) in [
        ("name = \"x\"\n[social]\nwide_form = 1\n", 3, &["wide_form", "unknown field"][..]),
        ("[rules.sensitive]\nsignal = []\n", 2, &["signal", "unknown field"]),
        ("\n[nonsense]\n", 2, &["nonsense"]),
        ("[matrix]\nhigh = { low = \"P6\" }\n", 2, &["P6"]),
        ("[matrix.high]\n\nlow = 3\n", 3, &["wanted string or table"]),
        ("[sla.profiles.default]\nchat = { p1 = \"1 parsec\" }\n", 2, &["1 parsec", "60s"]),
        ("[sla.profiles.default]\nchat = { p1 = \"0s\" }\n", 2, &["above 0s"]),
        ("[sla.profiles.default]\nchat = { p1 = \"-5m\" }\n", 2, &["above 0s"]),
        ("[sla.profiles.default]\nemail = { p5 = \"745h\" }\n", 2, &["744h"]),
        ("[sla.profiles.default]\nemail = { clock = \"daily\" }\n", 2, &["daily", "24x7"]),
        ("[calendars.default.hours]\nmonday = [\"9-17\"]\n", 2, &["9-17", "09:00-17:00"]),
        ("[calendars.default.hours]\nmonday = [\"22:00-06:00\"]\n", 2, &["22:00-24:00", "00:00-06:00"]),
        ("[calendars.default.hours]\nmonday = [\"09:00-24:01\"]\n", 2, &["24:00"]),
        ("[calendars.default.hours]\nmunday = []\n", 2, &["munday"]),
        ("[calendars.default]\nholidays = [\"25.12.2026\"]\n", 2, &["25.12.2026"]),
        ("[calendars.emea]\nhours.monday = [\"09:00-17:00\"]\n", 1, &["time_zone", "missing"]),
        ("[uplift]\ncauses = [\"weather\"]\n", 2, &["weather", "public_threat"]),
        ("= 1\n", 1, &[]),
        // Of the right type, yet impossible.
        ("\nname = \" \"\n", 2, &["`name`"]),
        ("version = \"\"\n", 1, &["`version`"]),
        ("[handling.queues]\nbilling = \"\"\n", 2, &["`handling.queues.billing`"]),
        ("[confidence]\ntopic_from = 1.1\n", 2, &["`confidence.topic_from`", "1.1", "0 to 1"]),
        ("[confidence]\nemotion_from = nan\n", 2, &["`confidence.emotion_from`"]),
        ("[confidence]\nreview_below = 0.9\n", 1, &["`confidence.downgrade_from`"]),
        ("[urgency]\nsub_channel_offsets.form = 2\n", 2, &["-1, 0 or 1"]),
        ("[social]\nwide_from = 1\n", 2, &["`social.wide_from`", "2000"]),
        ("[social]\nvery_wide_from = 1\n", 2, &["`social.very_wide_from`"]),
        ("[uplift]\nlevels = 0\n", 2, &["`uplift.levels`"]),
        ("[survey]\nnps.promoter_from = 7\n", 2, &["`survey.nps.promoter_from`"]),
        ("[sla]\nprofile = \"lax\"\n", 2, &["`sla.profile`", "`relaxed`"]),
        ("[sla.sub_channels]\nsms = \"text\"\n", 2, &["`sla.sub_channels.sms`", "`text`"]),
        ("[sla.profiles.default]\nfax = { p1 = \"1h\" }\n", 2, &["`sla.profiles.default.fax.p2`", "missing"]),
        ("[sla.profiles.default.chat]\n\np2 = \"30s\"\n", 3, &["`sla.profiles.default.chat.p2`", "shorter"]),
        ("[sla.profiles.mine.chat]\np1 = \"3m\"\n", 1, &["`sla.profiles.mine.chat.p2`", "2m"]),
        ("[sla.profiles.mine.chat]\ncalendar = \"mars\"\n", 2, &["`mars`", "`calendars`"]),
        ("[calendars.default]\ntime_zone = \"Mars/Olympus\"\n", 2, &["Mars/Olympus", "Europe/Berlin"]),
        ("[calendars.default.hours]\nmonday = [\"09:00-12:00\", \"11:00-13:00\"]\n", 2, &["11:00-13:00", "order"]),
        ("[calendars.x]\ntime_zone = \"UTC\"\nhours.monday = [\"09:00-09:59\"]\n", 3, &["59 minutes"]),
        ("[matrix]\nhigh = { critical = \"P3\" }\n", 2, &["`matrix.high.critical`", "less urgent"]),
        ("[matrix]\nlow = { low = \"P1\" }\n", 1, &["`matrix.low.normal`", "`P1`"]),
    ] {
        let error = error(text);
        assert!(error.contains(&format!("line {line}")), "{text}\nline {line} expected: {error}");
        for part in parts {
            assert!(error.contains(part), "{text}\n`{part}` expected: {error}");
        }
    }
}

#[test]
fn all_findings_are_told_at_once() {
    let error = error("[uplift]\nlevels = 9\n[sla]\nprofile = \"lax\"\n");
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn every_range_of_hours_is_read_or_refused() {
    let accepted = |range: &str| Policy::from_toml(&format!("calendars.default.hours.monday = [\"{range}\"]")).is_ok();
    for range in ["00:00-24:00", "09:00-17:30", "23:59-24:00", "09:00 - 17:00"] {
        assert!(accepted(range), "{range}");
    }
    for range in ["09:00-09:00", "9:00-17:00", "09:60-17:00", "24:00-24:00", "+9:00-17:00", "", "-"] {
        assert!(!accepted(range), "{range}");
    }
}

#[test]
fn overlays_hold_for_their_tenant_and_brand_only() {
    let policy = with(
        "version = \"7\"\n[tenants.acme.sla]\nprofile = \"relaxed\"\n[brands.north]\nversion = \"7-north\"\n\
         [brands.north.rules.sensitive]\nat_least = \"P1\"\n[brands.north.sla.profiles.relaxed]\nemail = { p3 = \"30h\" }",
    );
    let facts = |tenant: Option<&str>, brand: Option<&str>| Facts {
        tenant: tenant.map(str::to_owned),
        brand: brand.map(str::to_owned),
        ..ordinary().signal("sensitive_medical")
    };
    let decided = |tenant, brand| {
        let decision = policy.decide(&facts(tenant, brand));
        (decision.priority, decision.sla.profile)
    };
    assert_eq!(decided(None, None), (Priority::P2, "default".into()));
    assert_eq!(decided(Some("acme"), Some("other")), (Priority::P2, "relaxed".into()));
    assert_eq!(decided(None, Some("north")), (Priority::P1, "default".into()));
    assert_eq!(decided(Some("acme"), Some("north")), (Priority::P1, "relaxed".into()));
    let both = policy.of(Some("acme"), Some("north"));
    assert_eq!(both.overlays(), ["brands.north", "tenants.acme"]);
    assert_eq!((policy.version(), both.version()), ("7", "7-north"));
    assert_eq!(both.target("email", None, Priority::P3).as_secs(), 30 * 3600);
}

#[test]
fn what_is_wrong_in_an_overlay_is_found_in_its_place() {
    for (text, wanted) in [
        ("[brands.north.confidence]\nreview_below = 7.0", "line 2: `brands.north.confidence.review_below`"),
        ("\n[tenants.acme.sla]\nprofile = \"none\"", "line 3: `tenants.acme.sla.profile`"),
        ("[brands.north]\nno_such_key = 1", "no_such_key"),
        ("brands = 3", "line 1: `brands` is no table"),
        ("[brands.north.history]\nwindow_days = 3", "line 1: `brands.north.history`"),
    ] {
        let error = Policy::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}\n{error}");
    }
}

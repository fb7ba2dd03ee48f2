//! Brokers killed and restarted, coordinators moved.

use std::time::Duration;

use crate::harness::{Run, beside_others, delivery, scaled};
use crate::support::RealKafka;

#[test]
fn a_broker_is_killed_and_restarted() {
    let _turn = beside_others();
    let Some(kafka) = RealKafka::start() else { return };
    let mut run = Run::new(&kafka, "broker-restart", &delivery(5000, 10_000));
    run.feed(60);
    let mut worker = run.worker("w-0");
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    for _ in 0..scaled(2, 10) {
        kafka.kill(0);
        // Shorter and longer than a transaction may last.
        run.rng.sleep(500, 8000);
        kafka.restart(0);
        let fault = run.fault();
        run.wait_outcome_after(fault, &mut [("w-0", &mut worker)]);
        run.rng.sleep(300, 1500);
    }
    run.finish(&mut [("w-0", &mut worker)], "");
}

#[test]
fn coordinators_move() {
    let _turn = beside_others();
    let Some(kafka) = RealKafka::start_cluster(3) else { return };
    let mut run = Run::new(&kafka, "coordinator-moved", &delivery(5000, 10_000));
    run.feed(60);
    let mut worker = run.worker("w-0");
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    for round in 0..scaled(2, 8) {
        // The group's coordinator and the transaction's, of either stage in turn.
        let group = format!("{}-{}", run.pipeline.prefix, ["score", "prioritise"][round / 2 % 2]);
        let (topic, key) = match round % 2 {
            0 => ("__transaction_state", format!("{group}.w-0")),
            _ => ("__consumer_offsets", group),
        };
        let broker = kafka.leader(topic, coordinator_partition(&key));
        kafka.kill(broker);
        let fault = run.fault();
        run.wait_outcome_after(fault, &mut [("w-0", &mut worker)]);
        run.rng.sleep(500, 2000);
        kafka.restart(broker);
        // Until its replicas have caught up, no other broker may fail.
        std::thread::sleep(Duration::from_secs(3));
    }
    run.finish(&mut [("w-0", &mut worker)], "");
}

/// Partition of an internal topic that is responsible for a group or a transactional id: Java's hash of the
/// name, over the four partitions that `tests/support` configures.
fn coordinator_partition(name: &str) -> i32 {
    let hash = name.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) % 4
}

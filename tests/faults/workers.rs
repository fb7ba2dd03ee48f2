//! Workers killed, paused, joining and leaving.

use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Run, beside_others, delivery, scaled};
use crate::support::{RealKafka, Worker};

/// A dead worker's partitions go to the next after two and a half seconds.
fn impatient() -> String {
    delivery(1000, 2500)
}

/// SIGKILL again and again: in the middle of the work, or of the start.
fn kill_repeatedly(run: &mut Run<'_>, kills: usize) -> Worker {
    run.feed(150);
    let mut worker = run.worker("w-0");
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    let mut last = 0;
    for _ in 0..kills {
        if run.rng.below(10) < 7 {
            run.wait_outcome_after(last, &mut [("w-0", &mut worker)]);
            run.rng.sleep(0, 400);
        } else {
            run.rng.sleep(0, 3000);
        }
        worker.kill();
        last = run.fault();
        worker = run.worker("w-0");
    }
    run.wait_outcome_after(last, &mut [("w-0", &mut worker)]);
    worker
}

#[test]
fn a_worker_is_killed_at_random_points() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let mut run = Run::new(kafka, "sigkill", &impatient());
    let mut worker = kill_repeatedly(&mut run, scaled(20, 100));
    run.finish(&mut [("w-0", &mut worker)], "");
}

#[test]
fn at_least_once_loses_nothing_when_killed() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let settings = impatient().replace("[delivery]\n", "[delivery]\nmode = \"at-least-once\"\n");
    let mut run = Run::new(kafka, "at-least-once-sigkill", &settings);
    run.allow_doubles();
    let mut worker = kill_repeatedly(&mut run, scaled(5, 20));
    run.finish(&mut [("w-0", &mut worker)], "");
}

#[test]
fn a_paused_worker_is_fenced_by_its_twin() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let mut run = Run::new(kafka, "sigstop-twin", &delivery(3000, 6000));
    run.feed(60);
    let mut worker = run.worker("w-0");
    run.wait_outcome_after(0, &mut [("w-0", &mut worker)]);
    for _ in 0..scaled(2, 10) {
        worker.signal("STOP");
        run.rng.sleep(6500, 7500);
        let before = jiff::Timestamp::now().as_millisecond();
        let mut twin = run.worker("w-0");
        run.wait_outcome_after(before, &mut [("w-0", &mut twin)]);
        run.fault();
        worker.signal("CONT");
        let status = worker.wait_exit(Duration::from_secs(40));
        let log = worker.log();
        let status = status.unwrap_or_else(|| panic!("the stale worker goes on:\n{log}"));
        assert_eq!(status.code(), Some(1), "{log}");
        let ids = ["score", "prioritise"].map(|stage| format!("`{}-{stage}.w-0`", run.pipeline.prefix));
        let said = log.lines().any(|line| line.contains("fenced") && ids.iter().any(|id| line.contains(id)));
        assert!(said, "it does not say which id was fenced ({ids:?}):\n{log}");
        worker = twin;
    }
    run.finish(&mut [("w-0", &mut worker)], "");
}

/// Waits until the worker owns a partition in each of its stages. One that has ended is started again, as an
/// orchestrator would: a stage may be fenced a moment after the other has joined. Returns how often.
fn wait_for_partitions(run: &Run, name: &str, worker: &mut Worker) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let owns = |metrics: &str, stage: &str| {
        let gauge = format!("undertone_kafka_assigned_partitions{{stage=\"{stage}\"}} ");
        metrics.lines().any(|line| line.strip_prefix(&gauge).is_some_and(|value| value != "0"))
    };
    let mut left = 0;
    while !worker.get("/metrics").is_some_and(|(_, metrics)| owns(&metrics, "score") && owns(&metrics, "prioritise")) {
        if let Some(status) = worker.exit_status() {
            assert_eq!(status.code(), Some(1), "{}", worker.log());
            left += 1;
            *worker = run.worker(name);
        }
        assert!(Instant::now() < deadline, "no partitions for this worker:\n{}", worker.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    left
}

#[test]
fn a_paused_worker_loses_its_partitions_to_another() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let mut run = Run::new(kafka, "sigstop-other", &delivery(3000, 6000));
    run.feed(60);
    let (mut first, mut second) = (run.worker("w-0"), run.worker("w-1"));
    first.wait_ready();
    second.wait_ready();
    run.wait_outcome_after(0, &mut [("w-0", &mut first), ("w-1", &mut second)]);
    let mut left = 0;
    for _ in 0..scaled(2, 10) {
        // Without partitions it has nothing to lose.
        left += wait_for_partitions(&run, "w-0", &mut first);
        first.signal("STOP");
        run.rng.sleep(6500, 7500);
        let known = first.log().len();
        let before = jiff::Timestamp::now().as_millisecond();
        run.wait_outcome_after(before, &mut [("w-1", &mut second)]);
        run.fault();
        first.signal("CONT");
        // It ends with an error, or it has lost its partitions and takes part again.
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = first.exit_status() {
                assert_eq!(status.code(), Some(1), "{}", first.log());
                left += 1;
                first = run.worker("w-0");
                first.wait_ready();
                break;
            }
            let log = first.log();
            let told = &log[known..];
            if told.contains("partitions revoked") && told.contains("partitions assigned") {
                break;
            }
            assert!(Instant::now() < deadline, "the paused worker neither rejoined nor ended:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        run.rng.sleep(500, 1500);
    }
    run.finish(&mut [("w-0", &mut first), ("w-1", &mut second)], &format!(" exits={left}"));
}

#[test]
fn workers_join_and_leave() {
    let Some(kafka) = RealKafka::shared() else { return };
    let _turn = beside_others();
    let mut run = Run::new(kafka, "join-leave", &delivery(3000, 6000));
    run.feed(100);
    let mut workers: Vec<(&str, Worker)> = vec![("w-0", run.worker("w-0"))];
    workers[0].1.wait_ready();
    let mut leaves = 0;
    for _ in 0..scaled(8, 40) {
        let joins = workers.len() == 1 || (workers.len() < 3 && run.rng.below(2) == 0);
        if joins {
            let taken = |name: &str| workers.iter().any(|(instance, _)| *instance == name);
            let name = ["w-0", "w-1", "w-2"].into_iter().find(|name| !taken(name)).unwrap();
            let mut worker = run.worker(name);
            if run.rng.below(2) == 0 {
                worker.wait_ready();
            }
            workers.push((name, worker));
        } else {
            let index = usize::try_from(run.rng.below(workers.len() as u64)).unwrap();
            let (name, mut worker) = workers.remove(index);
            // One that is still starting up ends at once.
            let status = worker.terminate();
            assert!(status.success(), "{name} ended with {status}:\n{}", worker.log());
            leaves += 1;
        }
        run.fault();
        run.rng.sleep(300, 2000);
    }
    let mut crew: Vec<(&str, &mut Worker)> = workers.iter_mut().map(|(name, worker)| (*name, worker)).collect();
    run.finish(&mut crew, &format!(" leaves={leaves}"));
}

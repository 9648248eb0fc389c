//! Nix's internal-json as several versions really wrote it: `tests/data/nix-logs/record` made the logs.

use std::path::{Path, PathBuf};

use kflake::nix::{Event, Parser};

const VERSIONS: [&str; 3] = ["2.8", "2.26", "2.34"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nix-logs")
}

fn bytes(version: &str, scenario: &str) -> Vec<u8> {
    let path = folder().join(version).join(format!("{scenario}.log"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse(bytes: &[u8]) -> Vec<Event> {
    let mut parser = Parser::default();
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| parser.parse(line))
        .collect()
}

/// The events that matter, in few words.
fn story(events: &[Event]) -> Vec<String> {
    let mut story = Vec::new();
    for event in events {
        match event {
            Event::BuildStarted { drv, .. } => {
                let name = drv.as_str().split_once('-').map_or("", |(_, name)| name);
                story.push(format!("start {}", name.trim_end_matches(".drv")));
            }
            Event::Phase { phase, .. } => story.push(format!("phase {phase}")),
            Event::Log { line, .. } => story.push(format!("log {line}")),
            Event::Running { builds } => {
                let line = format!("running {builds}");
                if story.iter().rfind(|line| line.starts_with("running")) != Some(&line) {
                    story.push(line);
                }
            }
            _ => {}
        }
    }
    story
}

#[test]
fn a_success_is_told_the_same_by_all() {
    for version in VERSIONS {
        let story = story(&parse(&bytes(version, "success")));
        assert_eq!(
            story,
            [
                "running 0",
                "start toolchain",
                "running 1",
                "log unpacking",
                "running 0",
                "start kernel",
                "running 1",
                "phase unpackPhase",
                "log \u{1b}[31mprintf",
                "phase buildPhase",
                "log ::error::not a workflow command",
                "running 0",
                "start module",
                "running 1",
                "log last",
                "running 0",
            ],
            "Nix {version}"
        );
    }
}

fn errors(events: &[Event]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        Event::Message { error: true, text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_failure_names_its_derivation_in_an_error() {
    for version in VERSIONS {
        let events = parse(&bytes(version, "failure"));
        let story = story(&events);
        assert!(
            story.contains(&"log kernel/fork.c:1:2: error: unknown type name frob".to_owned()),
            "{version}: {story:?}"
        );
        assert!(
            story.contains(&"start kernel".to_owned()),
            "Nix {version} kept going: {story:?}"
        );
        assert!(
            !story.contains(&"start boot".to_owned()),
            "{version}: {story:?}"
        );
        let errors = errors(&events);
        assert!(
            errors.contains("-broken.drv") && errors.contains("exit code 2"),
            "Nix {version}: {errors}"
        );
    }
}

#[test]
fn a_fetch_failure_and_a_wrong_hash_are_told() {
    for version in VERSIONS {
        let events = parse(&bytes(version, "fetch"));
        let story = story(&events);
        assert!(
            story.contains(&"log curl: (22) The requested URL returned error: 404".to_owned()),
            "{version}: {story:?}"
        );
        assert!(
            errors(&events).contains("hash mismatch in fixed-output derivation"),
            "Nix {version}"
        );
    }
}

#[test]
fn an_interrupted_and_a_killed_log_are_read_as_far_as_they_go() {
    for version in VERSIONS {
        let story_of = |scenario| story(&parse(&bytes(version, scenario)));
        assert!(
            story_of("interrupted").contains(&"log waiting".to_owned()),
            "Nix {version}"
        );
        let killed = story_of("killed");
        assert!(
            killed.contains(&"start kernel".to_owned()),
            "Nix {version}: {killed:?}"
        );
        assert!(
            !killed.contains(&"log last".to_owned()),
            "Nix {version}: {killed:?}"
        );
    }
}

#[test]
fn no_cut_and_no_noise_breaks_the_parser() {
    for version in VERSIONS {
        for scenario in ["success", "failure", "fetch", "interrupted", "killed"] {
            let whole = bytes(version, scenario);
            for cut in (0..whole.len()).step_by(7) {
                parse(&whole[..cut]);
            }
            let mut noisy = whole.clone();
            for at in (0..noisy.len()).step_by(13) {
                noisy[at] ^= 0x55;
            }
            parse(&noisy);
        }
    }
    let odd = br#"@nix {"action":"start","id":-1,"type":"x","fields":{"a":1}}
@nix {"action":"start","id":5,"type":105,"fields":[7]}
@nix {"action":"start","id":6,"type":999,"fields":["new"],"text":"something new"}
@nix {"action":"result","id":6,"type":998,"fields":[]}
@nix {"action":"teleport","id":6}
@nix []
@nix {"action":"msg","level":"high","msg":null}"#;
    assert!(
        parse(odd).iter().all(|event| matches!(event, Event::Other)),
        "{:?}",
        parse(odd)
    );
}

#[test]
fn recordings_hold_nothing_of_the_machine_they_were_made_on() {
    for version in VERSIONS {
        for scenario in ["success", "failure", "fetch", "interrupted", "killed"] {
            let text = String::from_utf8(bytes(version, scenario)).expect("UTF-8");
            for word in ["/tmp/", "/home/", "/root/", "://"] {
                assert!(!text.contains(word), "{version}/{scenario} holds {word}");
            }
        }
    }
}

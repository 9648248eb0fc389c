//! A terminal that a test sits at.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A session on a terminal, and what it said that was not waited for yet.
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    said: String,
    more: Receiver<Vec<u8>>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // it has ended unless the test failed
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    /// Runs a shell command in `dir`, on a terminal that util-linux' `script` makes.
    pub fn start(dir: &Path, session: &str) -> Terminal {
        let mut child = Command::new("script")
            .args(["-qec", session, "/dev/null"])
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, more) = channel();
        let mut output = child.stdout.take().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            keys: child.stdin.take().unwrap(),
            child,
            said: String::new(),
            more,
        }
    }

    /// Types it.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits a minute for `text` after what was waited for before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        self.wait(text, 60);
    }

    /// The same, for so many seconds.
    #[track_caller]
    pub fn wait(&mut self, text: &str, seconds: u64) {
        let since = Instant::now();
        loop {
            if let Some(at) = self.said.find(text) {
                self.said.drain(..at + text.len());
                return;
            }
            let chunk = self.more.recv_timeout(Duration::from_secs(1));
            if let Ok(chunk) = chunk {
                // lines end twice over: in a machine, and here
                let text = String::from_utf8_lossy(&chunk).replace('\r', "");
                self.said.push_str(&text);
            }
            assert!(
                since.elapsed() < Duration::from_secs(seconds),
                "{text:?} is not in\n{}",
                self.said
            );
        }
    }

    /// Waits for the session's own end.
    #[track_caller]
    pub fn end(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

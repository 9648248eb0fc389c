//! `kflake boot` on a terminal: the shell in the machine, and the terminal afterwards.

mod common;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Where Debian's `linux-source-6.1` puts the kernel.
const KERNEL: &str = "/usr/src/linux-source-6.1.tar.xz";

struct Terminal {
    child: Child,
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
    /// Waits for `text` after what was waited for before.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        self.wait(text, 60);
    }

    #[track_caller]
    fn wait(&mut self, text: &str, seconds: u64) {
        let since = Instant::now();
        loop {
            if let Some(at) = self.said.find(text) {
                self.said.drain(..at + text.len());
                return;
            }
            let chunk = self.more.recv_timeout(Duration::from_secs(1));
            if let Ok(chunk) = chunk {
                // lines end twice over: in the machine, and here
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
}

#[test]
fn someone_at_a_terminal_has_a_shell() {
    if !common::have_nix() {
        return;
    }
    assert!(
        Path::new(KERNEL).exists(),
        "{KERNEL} is missing: `make deps` installs it"
    );
    let dir = tempfile::tempdir().unwrap();
    let said = common::succeeded(common::kflake(dir.path(), &["kernel", "add", KERNEL])).stdout;
    let said = String::from_utf8(said).unwrap();
    let version = said.split_whitespace().nth(1).unwrap();
    let session = format!(
        "stty -a >before; '{}' -C . boot {version} arm64 {}; echo \"left with $?\"; stty -a | cmp before - && echo as before",
        env!("CARGO_BIN_EXE_kflake"),
        common::HOST_DEBIAN.join(" ")
    );
    // util-linux' `script` gives it a terminal
    let mut child = Command::new("script")
        .args(["-qec", &session, "/dev/null"])
        .current_dir(dir.path())
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
    let mut keys = child.stdin.take().unwrap();
    let mut terminal = Terminal {
        child,
        said: String::new(),
        more,
    };
    let mut press = |text: &str| keys.write_all(text.as_bytes()).unwrap();

    // the kernel may have to be built first
    terminal.wait("/ # ", 1500);
    press("uname\r");
    terminal.expect(&format!("Linux {version} "));
    terminal.expect("aarch64");
    press("echo 'a  b' > /tmp/x\r");
    terminal.expect("/ # ");
    press("cat /tmp/x\r");
    terminal.expect("a  b\n/ # ");
    press("nonsense\r");
    terminal.expect("nonsense: no such program or command");
    // what runs is interrupted, and the shell is not
    press("cat /proc/kmsg\r");
    terminal.expect("Run /init as init process");
    thread::sleep(Duration::from_millis(500));
    press("\u{3}");
    terminal.expect("Interrupt\n/ # ");
    press("exit\r");
    terminal.expect("left with 0");
    terminal.expect("as before");
    drop(keys);
    assert!(terminal.child.wait().unwrap().success());
}

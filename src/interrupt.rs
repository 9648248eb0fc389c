//! Ctrl-C, SIGTERM and SIGHUP.
//!
//! Work that has something to finish holds [`Finishing`]: a signal then sets the flag, and the work ends by itself; a second one
//! ends kflake, or tells the work to hurry where it would leave something behind. At any other time the first signal ends kflake at
//! once: what it started goes with it, files are in place whole or not at all, and temporary files and folders go; those of a killed
//! kflake are removed by the next run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
/// The signal that came; 0: none yet.
static SIGNAL: AtomicUsize = AtomicUsize::new(0);
/// How many pieces of work end by themselves.
static FINISHING: AtomicUsize = AtomicUsize::new(0);
/// How many of them are to be told of a second signal.
static HURRYING: AtomicUsize = AtomicUsize::new(0);
/// Whether it came.
static HURRY: AtomicBool = AtomicBool::new(false);

/// What is set when kflake is to end.
pub fn flag() -> Arc<AtomicBool> {
    Arc::clone(STOP.get_or_init(Arc::default))
}

/// Listens for signals from here on. `leave` tidies up before kflake ends at once.
///
/// # Errors
/// When the system does not let it.
pub fn listen(leave: fn()) -> std::io::Result<()> {
    let stop = flag();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            #[expect(clippy::exit, reason = "nobody waits for the work's end")]
            for signal in signals.forever() {
                SIGNAL.store(usize::try_from(signal).unwrap_or(0), Ordering::SeqCst);
                let again = stop.swap(true, Ordering::SeqCst);
                let at_once = FINISHING.load(Ordering::SeqCst) == 0;
                if at_once && !again {
                    leave();
                }
                let hurries = again && HURRYING.load(Ordering::SeqCst) > 0;
                if hurries && !HURRY.swap(true, Ordering::SeqCst) {
                    continue;
                }
                if at_once || again {
                    std::process::exit(i32::from(exit_code()));
                }
            }
        })?;
    Ok(())
}

/// The exit code of a run that was ended: 128 and the signal's number.
pub fn exit_code() -> u8 {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => crate::exit::INTERRUPTED,
        signal => u8::try_from(128 + signal).unwrap_or(crate::exit::INTERRUPTED),
    }
}

/// While this lives, whoever made it looks at [`flag`] and ends by itself.
#[derive(Debug)]
pub struct Finishing {
    hurries: bool,
}

impl Finishing {
    /// Begins such work.
    #[must_use]
    pub fn begin() -> Finishing {
        FINISHING.fetch_add(1, Ordering::SeqCst);
        Finishing { hurries: false }
    }

    /// The same for work that looks at [`hurry`] as well: a second signal sets that, and a third one ends kflake.
    #[must_use]
    pub fn hurrying() -> Finishing {
        HURRYING.fetch_add(1, Ordering::SeqCst);
        FINISHING.fetch_add(1, Ordering::SeqCst);
        Finishing { hurries: true }
    }
}

/// Does what looks at the flag by itself.
pub fn finish<T>(work: impl FnOnce(&AtomicBool) -> T) -> T {
    let _finishing = Finishing::begin();
    work(&flag())
}

/// What a second signal sets where work asked for it.
pub fn hurry() -> &'static AtomicBool {
    &HURRY
}

impl Drop for Finishing {
    fn drop(&mut self) {
        FINISHING.fetch_sub(1, Ordering::SeqCst);
        if self.hurries {
            HURRYING.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

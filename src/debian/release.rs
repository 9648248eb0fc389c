//! `InRelease`: of which suite an index is, how long it holds, and the digests of its files.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::error::IndexError;
use crate::deb822;
use crate::hash::Sha256;

/// How far the clock of this machine may be behind the archive's.
const SLOW_MINUTES: i64 = 10;

/// An index that holds.
#[derive(Debug)]
pub(super) struct Release {
    /// When it was made.
    pub date: Timestamp,
    /// Whether files can be asked for by their digest.
    pub by_hash: bool,
    digests: String,
}

/// A file that it names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub sha256: Sha256,
    pub size: u64,
}

impl Release {
    /// Reads `text`, whose signature is good, as that of `suite`, at the time `now`.
    pub fn read(text: &str, suite: &str, now: Timestamp) -> Result<Release, IndexError> {
        let fault = |reason: &str| IndexError::Release {
            reason: reason.to_owned(),
        };
        let mut paragraphs = deb822::paragraphs(text);
        let paragraph = paragraphs.next().ok_or_else(|| fault("it is empty"))?;
        let field = |name: &str| {
            let value = paragraph.field(name);
            value.ok_or_else(|| fault(&format!("it has no {name}")))
        };
        let codename = field("Codename")?;
        if codename != suite {
            return Err(IndexError::OtherSuite { found: codename });
        }
        let date = time(&field("Date")?).map_err(|reason| IndexError::Release { reason })?;
        if date > now + SLOW_MINUTES.minutes() {
            return Err(IndexError::Future { date });
        }
        if let Some(until) = paragraph.field("Valid-Until") {
            let until = time(&until).map_err(|reason| IndexError::Release { reason })?;
            if until < now {
                return Err(IndexError::Expired { until });
            }
        }
        Ok(Release {
            date,
            by_hash: paragraph.field("Acquire-By-Hash").as_deref() == Some("yes"),
            digests: field("SHA256")?,
        })
    }

    /// What it says of the file `path`.
    pub fn file(&self, path: &str) -> Option<Listed> {
        self.digests.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let (sha256, size, name) = (words.next()?, words.next()?, words.next()?);
            (name == path).then_some(Listed {
                sha256: sha256.parse().ok()?,
                size: size.parse().ok()?,
            })
        })
    }
}

/// `Sat, 06 Sep 2025 10:13:24 UTC`
fn time(text: &str) -> Result<Timestamp, String> {
    let unreadable = |error| format!("{text:?} is not a time: {error}");
    let (rest, zone) = text.trim().rsplit_once(' ').unwrap_or((text, ""));
    if !["UTC", "GMT", "+0000"].contains(&zone) {
        return Err(format!("{text:?} is not a time in UTC"));
    }
    let at = DateTime::strptime("%a, %d %b %Y %H:%M:%S", rest).map_err(unreadable)?;
    let at = at.to_zoned(TimeZone::UTC).map_err(unreadable)?;
    Ok(at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Origin: Debian\nSuite: stable\nCodename: bookworm\nDate: Sat, 06 Sep 2025 10:13:24 UTC\n\
        Valid-Until: Sat, 13 Sep 2025 10:13:24 UTC\nAcquire-By-Hash: yes\nMD5Sum:\n abc 3 main/x\nSHA256:\n \
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        0 main/x\n nonsense\n zz 1 main/y\n";

    fn read(text: &str, now: &str) -> Result<Release, IndexError> {
        Release::read(text, "bookworm", now.parse().unwrap())
    }

    #[test]
    fn an_index_that_holds_is_read() {
        let release = read(TEXT, "2025-09-10T00:00:00Z").unwrap();
        assert_eq!(release.date, "2025-09-06T10:13:24Z".parse().unwrap());
        assert!(release.by_hash);
        let empty = Listed {
            sha256: Sha256::of_bytes(b""),
            size: 0,
        };
        assert_eq!(release.file("main/x"), Some(empty));
        assert_eq!(release.file("main/y"), None);
        assert_eq!(release.file("x"), None);
    }

    #[test]
    fn an_index_holds_for_its_time_and_suite() {
        let said = |text: &str, now: &str| read(text, now).unwrap_err().to_string();
        let at = "2025-09-10T00:00:00Z";
        assert!(
            said(TEXT, "2025-09-13T10:13:25Z")
                .contains("expired: it was valid until 2025-09-13T10:13:24Z")
        );
        assert!(said(TEXT, "2025-09-06T10:03:23Z").contains("is in the future"));
        read(TEXT, "2025-09-06T10:03:25Z").unwrap();
        let forever = TEXT.replace("Valid-Until: Sat, 13 Sep 2025 10:13:24 UTC\n", "");
        read(&forever, "2035-09-13T10:13:25Z").unwrap();
        assert!(said(&TEXT.replace("bookworm", "trixie"), at).contains("the index of trixie"));
        assert!(said(&TEXT.replace("Date", "Day"), at).contains("no Date"));
        assert!(said(&TEXT.replace("SHA256", "SHA512"), at).contains("no SHA256"));
        assert!(said(&TEXT.replace("13 Sep", "99 Sep"), at).contains("is not a time"));
        assert!(said(&TEXT.replace("UTC", "CET"), at).contains("not a time in UTC"));
        assert!(said("", at).contains("empty"));
    }
}

//! Making new inputs of old ones.

use serde_json::Value;

/// Bytes and texts that break things.
const HOSTILE: &[&str] = &[
    "\"",
    "\\",
    "${",
    "$",
    "''",
    "\r\n",
    "\r",
    "\n",
    "\t",
    "\0",
    "..",
    "../",
    "/",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "1e999",
    "-1",
    "18446744073709551616",
    "\u{1b}[31m",
    "\u{1b}]0;x\u{7}",
    "\u{1b}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}2J",
    "\u{ad}",
    "\u{61c}",
    "\u{200b}",
    "\u{2028}",
    "\u{202e}",
    "\u{2066}",
    "\u{feff}",
    "\u{fffd}",
    "\u{e0041}",
    "é",
    "𝕜",
    "日本",
    "\\u0000",
    "\\ud800",
    "\\u001b",
    "::error::x",
    "::",
    "##[error]x",
    "##",
    "##vso[x]",
    "<script>x</script>",
    "</style>",
    "<img src=x onerror=x>",
    "' onclick='x",
    "]]>",
    "-->",
    "&lt;",
    "&#60;",
    "[x](javascript:x)",
    "#",
    "/*",
    "*/",
    "//",
    ";",
    "`",
    "|",
    "&&",
    "%s",
    "~",
    "~1",
    "*",
    "?",
    "-",
    "--",
];

/// Numbers at the ends of what types hold.
const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "-1",
    "1e308",
    "5e-324",
    "0.1",
    "100",
    "127",
    "256",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
];

/// The longest input, in bytes.
const MAX: usize = 1 << 16;

/// A source of chance, and what it does to inputs.
pub struct Mutator {
    chance: fastrand::Rng,
}

impl Mutator {
    /// The same seed makes the same inputs.
    pub fn new(seed: u64) -> Self {
        Mutator {
            chance: fastrand::Rng::with_seed(seed),
        }
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        self.chance.usize(..end)
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// One to eight changes to `input`; `other` is what parts may be taken from. Where there is JSON in it, most changes leave it
    /// JSON.
    pub fn mutate(&mut self, mut input: Vec<u8>, other: &[u8], words: &[&str]) -> Vec<u8> {
        let structured = self.chance.u8(..4) > 0;
        for _ in 0..=self.chance.u8(..8) {
            let changed = match structured {
                true => self.change_json(&input, other, words),
                false => None,
            };
            match changed {
                Some(changed) => input = changed,
                None => self.change(&mut input, other, words),
            }
        }
        // now and then a long one of the same kind, so that what grows faster than its input shows
        if self.chance.u8(..32) == 0 {
            self.repeat(&mut input);
        }
        input.truncate(MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8], words: &[&str]) {
        let at = self.below(input.len() + 1);
        let range = |chance: &mut fastrand::Rng, text: &[u8]| {
            let start = chance.usize(..=text.len());
            let end = (start + chance.usize(..64)).min(text.len());
            start..end
        };
        match self.chance.u8(..12) {
            0 => input.insert(at, self.chance.u8(..)),
            1 if at < input.len() => input[at] ^= 1 << self.chance.u8(..8),
            2 if at < input.len() => drop(input.remove(at)),
            3 => drop(input.drain(range(&mut self.chance, input))),
            4 => {
                let part = other[range(&mut self.chance, other)].to_vec();
                drop(input.splice(at..at, part));
            }
            5 => {
                let part = input[range(&mut self.chance, input)].to_vec();
                drop(input.splice(at..at, part));
            }
            6 | 7 => {
                let word = self.one_of(HOSTILE);
                drop(input.splice(at..at, word.bytes()));
            }
            8 | 9 if !words.is_empty() => {
                let word = self.one_of(words);
                drop(input.splice(at..at, word.bytes()));
            }
            10 => self.swap_token(input, words),
            11 => {
                let deep = 1 + self.below(300);
                let open = ["[", "{\"a\":", "\"", "0"][self.below(4)].repeat(deep);
                drop(input.splice(at..at, open.bytes()));
            }
            _ => {}
        }
    }

    /// Puts a word in the place of a whole JSON string or number.
    fn swap_token(&mut self, input: &mut Vec<u8>, words: &[&str]) {
        let quotes: Vec<usize> = (0..input.len()).filter(|at| input[*at] == b'"').collect();
        if quotes.len() < 2 {
            return;
        }
        let first = self.below(quotes.len() - 1);
        let range = quotes[first] + 1..quotes[first + 1];
        let word = self.word(words);
        drop(input.splice(range, word.bytes()));
    }

    fn word<'w>(&mut self, words: &[&'w str]) -> &'w str {
        match self.chance.bool() && !words.is_empty() {
            true => self.one_of(words),
            false => self.one_of(HOSTILE),
        }
    }

    /// A line of `input`, or a part of one, as often as there is room for it.
    fn repeat(&mut self, input: &mut Vec<u8>) {
        let line = self.below(2) == 0;
        let at = self.below(input.len() + 1);
        let (start, end) = match line {
            true => {
                let start = input[..at].iter().rposition(|b| *b == b'\n');
                let end = input[at..].iter().position(|b| *b == b'\n');
                let start = start.map_or(0, |it| it + 1);
                (start, end.map_or(input.len(), |end| at + end + 1))
            }
            false => (at, (at + 1 + self.below(32)).min(input.len())),
        };
        let part = input[start..end].to_vec();
        if part.is_empty() || input.len() >= MAX {
            return;
        }
        let times = (MAX - input.len()) / part.len();
        drop(input.splice(end..end, part.repeat(times)));
    }

    /// A change that leaves JSON what is JSON: all of `input`, or what stands on one line of it behind other words.
    fn change_json(&mut self, input: &[u8], other: &[u8], words: &[&str]) -> Option<Vec<u8>> {
        let (range, mut value) = self.json_in(input)?;
        let spare = self.json_in(other).map(|(_, value)| value);
        let at = self.below(count(&value));
        let spare = spare.map(|mut spare| {
            let at = self.below(count(&spare));
            std::mem::take(node(&mut spare, at))
        });
        self.change_node(node(&mut value, at), spare, words);
        let text = serde_json::to_vec(&value).ok()?;
        let mut changed = input[..range.start].to_vec();
        changed.extend(text);
        changed.extend(&input[range.end..]);
        Some(changed)
    }

    fn json_in(&mut self, input: &[u8]) -> Option<(std::ops::Range<usize>, Value)> {
        if let Ok(value) = serde_json::from_slice(input) {
            return Some((0..input.len(), value));
        }
        let at = self.below(input.len() + 1);
        let start = input[..at].iter().rposition(|b| *b == b'\n');
        let start = start.map_or(0, |it| it + 1);
        let end = input[at..].iter().position(|b| *b == b'\n');
        let end = end.map_or(input.len(), |end| at + end);
        let open = input[start..end]
            .iter()
            .position(|b| matches!(b, b'{' | b'['))?;
        let range = start + open..end;
        let value = serde_json::from_slice(&input[range.clone()]).ok()?;
        Some((range, value))
    }

    fn change_node(&mut self, value: &mut Value, spare: Option<Value>, words: &[&str]) {
        match value {
            _ if self.chance.u8(..16) == 0 => {
                let all = ["null", "true", "[]", "{}", "\"\"", "0"];
                *value = serde_json::from_str(self.one_of(&all)).unwrap_or_default();
            }
            _ if self.chance.u8(..8) == 0 => *value = spare.unwrap_or_default(),
            Value::String(text) => self.change_text(text, words),
            Value::Array(list) => {
                let at = self.below(list.len() + 1);
                match self.chance.u8(..4) {
                    0 if at < list.len() => drop(list.remove(at)),
                    1 if at < list.len() => {
                        let times = self.one_of(&[1, 2, 30]);
                        let copies = vec![list[at].clone(); times];
                        drop(list.splice(at..at, copies));
                    }
                    2 => list.reverse(),
                    _ => list.insert(at, spare.unwrap_or_default()),
                }
            }
            Value::Object(map) => {
                let key = match map.is_empty() {
                    true => String::new(),
                    false => map
                        .keys()
                        .nth(self.below(map.len()))
                        .cloned()
                        .unwrap_or_default(),
                };
                match self.chance.u8(..3) {
                    0 => drop(map.remove(&key)),
                    1 => {
                        let mut new = key.clone();
                        self.change_text(&mut new, words);
                        let value = map.get(&key).cloned().unwrap_or_default();
                        map.insert(new, value);
                    }
                    _ => {
                        let name = self.word(words).to_owned();
                        map.insert(name, spare.unwrap_or_default());
                    }
                }
            }
            number => {
                *number = serde_json::from_str(self.one_of(NUMBERS)).unwrap_or_default();
            }
        }
    }

    fn change_text(&mut self, text: &mut String, words: &[&str]) {
        let word = self.word(words);
        match self.chance.u8(..4) {
            0 => word.clone_into(text),
            1 => {
                let times = self.one_of(&[1, 3, 60, 500]);
                *text = text.repeat(times);
            }
            _ => {
                let mut at = self.below(text.len() + 1);
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                text.insert_str(at, word);
            }
        }
        // a text that grows in every round would be all that there is
        if let Some((end, _)) = text.char_indices().nth(1 << 13) {
            text.truncate(end);
        }
    }
}

/// How many values there are in `value`, itself counted.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The value at `at` of them.
fn node(value: &mut Value, at: usize) -> &mut Value {
    if at == 0 {
        return value;
    }
    let mut left = at - 1;
    let mut inner: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => unreachable!("there are that many"),
    };
    for at in 0..inner.len() {
        let size = count(inner[at]);
        if left < size {
            return node(inner.swap_remove(at), left);
        }
        left -= size;
    }
    unreachable!("there are that many")
}

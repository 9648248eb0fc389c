//! Making new inputs of old ones.

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
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "é",
    "𝕜",
    "\\u0000",
    "\\ud800",
    "\\u001b",
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

    /// One to eight changes to `input`; `other` is what parts may be taken from.
    pub fn mutate(&mut self, mut input: Vec<u8>, other: &[u8], words: &[&str]) -> Vec<u8> {
        for _ in 0..=self.chance.u8(..8) {
            self.change(&mut input, other, words);
        }
        input.truncate(1 << 16);
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
                let word = HOSTILE[self.below(HOSTILE.len())];
                drop(input.splice(at..at, word.bytes()));
            }
            8 | 9 if !words.is_empty() => {
                let word = words[self.below(words.len())];
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
        let word = match self.chance.bool() && !words.is_empty() {
            true => words[self.below(words.len())],
            false => HOSTILE[self.below(HOSTILE.len())],
        };
        drop(input.splice(range, word.bytes()));
    }
}

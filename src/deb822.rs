//! Debian's control files: paragraphs of fields, which apt's sources, releases and package indexes are written in.

/// One paragraph.
#[derive(Clone, Copy, Debug)]
pub struct Paragraph<'a>(&'a str);

/// The paragraphs of `text`, which empty lines part.
pub fn paragraphs(text: &str) -> impl Iterator<Item = Paragraph<'_>> {
    text.split("\n\n")
        .filter(|text| !text.trim().is_empty())
        .map(Paragraph)
}

impl Paragraph<'_> {
    /// The value of the field `name`, however its case: its lines, without the blanks around each, and without comments.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut lines = self.0.lines().filter(|line| !line.starts_with('#'));
        let first = lines.by_ref().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            let is_it = !line.starts_with([' ', '\t']) && field.trim().eq_ignore_ascii_case(name);
            is_it.then_some(value)
        })?;
        let mut value = first.trim().to_owned();
        for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
            value.push('\n');
            value.push_str(line.trim());
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_on_over_lines_that_begin_with_a_blank() {
        let text = "\nA: 1\n# B: no\nb : 2\n  3 : 4\n\t5\nC:\n\n\nA: 6\n";
        let all: Vec<_> = paragraphs(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].field("a").as_deref(), Some("1"));
        assert_eq!(all[0].field("B").as_deref(), Some("2\n3 : 4\n5"));
        assert_eq!(all[0].field("C").as_deref(), Some(""));
        assert_eq!(all[0].field("3"), None);
        assert_eq!(all[1].field("A").as_deref(), Some("6"));
    }
}

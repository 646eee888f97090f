//! The little language both scripts are written in: one thing a line, words and "quoted text", `#` comments.
//!
//! A script is read by people more often than by us, so it reads like stage directions, and its errors name the line.

use std::time::Duration;

/// What is wrong with a script, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ScriptError {
    pub line: usize,
    pub what: String,
}

/// A line that is being read from left to right.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    line: usize,
    indented: bool,
    left: &'a str,
}

/// The lines of a script that say something.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Cursor<'_>> {
    text.lines().enumerate().filter_map(|(index, raw)| {
        let left = without_comment(raw).trim();
        let indented = raw.starts_with([' ', '\t']);
        (!left.is_empty()).then_some(Cursor { line: index + 1, indented, left })
    })
}

/// A `#` begins a comment at the start of a word, and not inside quotes.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        match character {
            '"' if before != '\\' => quoted = !quoted,
            '#' if !quoted && before.is_whitespace() => return line.get(..at).unwrap_or_default(),
            _ => {}
        }
        before = character;
    }
    line
}

impl<'a> Cursor<'a> {
    pub(crate) fn indented(&self) -> bool {
        self.indented
    }

    pub(crate) fn number(&self) -> usize {
        self.line
    }

    pub(crate) fn error(&self, what: impl Into<String>) -> ScriptError {
        ScriptError { line: self.line, what: what.into() }
    }

    /// The next word, if there is one and it is not quoted.
    pub(crate) fn word(&mut self) -> Option<&'a str> {
        if self.left.is_empty() || self.left.starts_with('"') {
            return None;
        }
        let end = self.left.find(char::is_whitespace).unwrap_or(self.left.len());
        let (word, left) = self.left.split_at(end);
        self.left = left.trim_start();
        Some(word)
    }

    /// Takes the word if it is this one.
    pub(crate) fn takes(&mut self, expected: &str) -> bool {
        let mut ahead = self.clone();
        let found = ahead.word() == Some(expected);
        if found {
            *self = ahead;
        }
        found
    }

    pub(crate) fn expect(&mut self, what: &str) -> Result<&'a str, ScriptError> {
        self.word().ok_or_else(|| self.error(format!("expected {what}")))
    }

    /// `"quoted text"`.
    pub(crate) fn text(&mut self) -> Result<String, ScriptError> {
        let missing = || self.error("expected text in double quotes");
        let inner = self.left.strip_prefix('"').ok_or_else(missing)?;
        let end = inner.find('"').ok_or_else(missing)?;
        let (text, left) = inner.split_at(end);
        self.left = left.get(1..).unwrap_or_default().trim_start();
        Ok(text.to_owned())
    }

    /// Everything up to the end of the line.
    pub(crate) fn rest(&mut self) -> &'a str {
        std::mem::take(&mut self.left)
    }

    /// `350ms`, `12s`.
    pub(crate) fn duration(&mut self) -> Result<Duration, ScriptError> {
        let word = self.expect("a time such as 350ms or 12s")?;
        let parsed = if let Some(ms) = word.strip_suffix("ms") {
            ms.parse().map(Duration::from_millis).ok()
        } else {
            word.strip_suffix('s').and_then(|seconds| seconds.parse().map(Duration::from_secs).ok())
        };
        parsed.ok_or_else(|| self.error(format!("`{word}` is not a time such as 350ms or 12s")))
    }

    pub(crate) fn parsed<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, ScriptError> {
        let word = self.expect(what)?;
        word.parse().map_err(|_| self.error(format!("`{word}` is not {what}")))
    }

    /// There must be nothing more on the line.
    pub(crate) fn end(&self) -> Result<(), ScriptError> {
        if self.left.is_empty() { Ok(()) } else { Err(self.error(format!("`{}` is too much here", self.left))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_texts_and_comments_are_told_apart() {
        let mut all = lines("# nothing\n\nsay x \"a # b\"  # why\n  end 5s\n");
        let mut first = all.next().unwrap();
        assert_eq!((first.indented(), first.word(), first.word()), (false, Some("say"), Some("x")));
        assert_eq!(first.text().unwrap(), "a # b");
        first.end().unwrap();
        let mut second = all.next().unwrap();
        assert!(second.indented() && second.takes("end"));
        assert_eq!(second.duration().unwrap(), Duration::from_secs(5));
        assert!(all.next().is_none());
    }

    #[test]
    fn an_error_names_its_line() {
        let mut line = lines("\nwait soon").next().unwrap();
        line.word();
        assert_eq!(line.duration().unwrap_err().to_string(), "line 2: `soon` is not a time such as 350ms or 12s");
    }
}

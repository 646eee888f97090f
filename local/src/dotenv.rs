//! Reads a `.env`: `KEY=value` lines, as every other tool reads them, but without substitutions.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What the file says; nothing if there is none.
pub(crate) fn load(file: &Path) -> io::Result<BTreeMap<String, String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().filter_map(line).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

fn line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (key, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let key = key.trim();
    (!key.is_empty() && !key.starts_with('#')).then(|| (key.to_owned(), unquoted(value.trim())))
}

/// Quotes keep everything between them; without quotes ` #` begins a comment.
fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return if quote == '"' { inside.replace("\\n", "\n") } else { inside.to_owned() };
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_keys_and_values() {
        for (text, expected) in [
            ("PORT=8787", Some(("PORT", "8787"))),
            ("  export KEY = value # why", Some(("KEY", "value"))),
            (r#"A="b # c" # d"#, Some(("A", "b # c"))),
            ("A='it is'", Some(("A", "it is"))),
            (r#"A="two\nlines""#, Some(("A", "two\nlines"))),
            ("A=a=b#c", Some(("A", "a=b#c"))),
            ("A=", Some(("A", ""))),
            ("# A=b", None),
            ("nothing", None),
        ] {
            let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
            assert_eq!(line(text), expected, "{text}");
        }
    }

    #[test]
    fn no_file_is_no_settings() {
        assert!(load(Path::new("no-such-folder/.env")).unwrap().is_empty());
    }
}

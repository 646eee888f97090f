//! Text with gaps: `{argument}` in what is sent, `{{secret:NAME}}` in a header's value.
//!
//! Which gap may stand where is the grammar's affair: an argument cannot get into a header, nor a secret into a URL, where
//! every proxy would write it down.

const SECRET: &str = "{{secret:";

/// Text with gaps for arguments. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Gap(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains(SECRET) {
            return Err("holds a secret: those can stand in the values of headers only".to_owned());
        }
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let gap =
                from.strip_prefix('{').and_then(|from| from.split_once('}')).filter(|(name, _)| is_argument(name));
            let (name, after) =
                gap.ok_or("has a brace that belongs to no `{argument}`; write `{{` or `}}` for a brace")?;
            pieces.extend(text_piece(&mut plain));
            pieces.push(Piece::Gap(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        pieces.extend(text_piece(&mut plain));
        Ok(Self(pieces))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Gap(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The one argument that it is, and nothing else.
    pub(super) fn sole(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Gap(name)] => Some(name),
            _ => None,
        }
    }

    pub(super) fn fill<E>(&self, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        self.0.iter().try_fold(String::new(), |mut text, piece| {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Gap(name) => text.push_str(&value(name)?),
            }
            Ok(text)
        })
    }
}

fn text_piece(plain: &mut String) -> Option<Piece> {
    (!plain.is_empty()).then(|| Piece::Text(std::mem::take(plain)))
}

fn is_argument(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
}

/// A header's value: text with gaps for secrets, and for nothing else; a brace is a brace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeaderValue(Vec<Piece>);

impl HeaderValue {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()) {
            return Err("must be printable ASCII".to_owned());
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once(SECRET) {
            pieces.extend(text_piece(&mut before.to_owned()));
            let (name, after) = after.split_once("}}").ok_or("has a secret whose braces are not closed")?;
            if !is_secret(name) {
                return Err("names a secret in other letters than A to Z, digits and `_`".to_owned());
            }
            pieces.push(Piece::Gap(name.to_owned()));
            rest = after;
        }
        pieces.extend(text_piece(&mut rest.to_owned()));
        Ok(Self(pieces))
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Gap(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    pub(super) fn fill<'a>(&self, secret: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        self.0.iter().try_fold(String::new(), |mut text, piece| {
            text.push_str(match piece {
                Piece::Text(plain) => plain,
                Piece::Gap(name) => secret(name)?,
            });
            Some(text)
        })
    }
}

/// So that it can be a variable's name on a laptop.
fn is_secret(name: &str) -> bool {
    let fine = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    (1..=64).contains(&name.len()) && name.chars().all(fine)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(text: &str) -> Result<String, String> {
        Template::parse(text)?.fill(|name| Ok(format!("<{name}>")))
    }

    #[test]
    fn gaps_are_filled_and_doubled_braces_are_braces() {
        assert_eq!(fill("a{b}c{d_1}").unwrap(), "a<b>c<d_1>");
        assert_eq!(fill(r#"{{"q":"{b}"}}"#).unwrap(), r#"{"q":"<b>"}"#);
        assert_eq!(Template::parse("{b}").unwrap().sole(), Some("b"));
        assert_eq!(Template::parse("{b} ").unwrap().sole(), None);
        for wrong in ["{", "}", "a{b", "{b c}", "{}", "{b}}"] {
            assert!(fill(wrong).unwrap_err().starts_with("has a brace"), "{wrong}");
        }
        assert!(fill("https://a/?key={{secret:KEY}}").unwrap_err().starts_with("holds a secret"));
    }

    #[test]
    fn a_header_holds_secrets_and_no_line_breaks() {
        let value = HeaderValue::parse("Bearer {{secret:CRM_KEY}};{x}").unwrap();
        assert_eq!(value.secrets().collect::<Vec<_>>(), ["CRM_KEY"]);
        assert_eq!(value.fill(|name| (name == "CRM_KEY").then_some("k")).as_deref(), Some("Bearer k;{x}"));
        assert_eq!(value.fill(|_| None), None);
        for wrong in ["a\r\nb", "é", "{{secret:KEY", "{{secret:}}", "{{secret:key}}", "{{secret:A B}}"] {
            assert!(HeaderValue::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_a_fault_and_without_gaps_it_is_itself(text in "\\PC{0,24}|[{}a:]{0,12}") {
            let _whatever = (Template::parse(&text), HeaderValue::parse(&text));
            let escaped = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(fill(&escaped).ok(), (!escaped.contains(SECRET)).then_some(text));
        }
    }
}

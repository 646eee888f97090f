//! `lookup_prescription`: how far a prescription is, by the number on its label.
//!
//! A number comes from a voice by way of a transcript: `RX-1234`, `rx 12 34`, `R X one two three four`, `1234`. All of
//! these are the same. Of the patient nothing but an initial is stored or said.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::validate::{Arguments, invalid};
use super::{ToolError, ToolErrorKind, ToolSpec, unreadable};
use crate::ports::{PortError, ReferenceData};

pub const NAME: &str = "lookup_prescription";
/// The kind of its records in the reference data; their ids are numbers in the form `RX-1234`.
pub const KIND: &str = "prescription";

/// A prescription as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prescription {
    pub number: String,
    pub patient_initial: String,
    pub medicine: String,
    pub status: Status,
    /// As it should be said: `today at 4 pm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<String>,
    pub refills_left: u32,
    pub pharmacy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ready,
    InProgress,
    NeedsRefillAuthorisation,
    OutOfStock,
    PickedUp,
}

pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: "Whether a prescription is ready, where, and how many refills are left.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "number": {
                    "type": "string",
                    "description": "The prescription number as the caller said it, like `RX-1234`. Read it back to the \
                                    caller if you are not sure of it.",
                },
            },
            "required": ["number"],
            "additionalProperties": false,
        }),
    }
}

pub(super) async fn run(arguments: &str, data: &impl ReferenceData) -> Result<Value, ToolError> {
    let arguments = Arguments::parse(arguments, &["number"])?;
    let number = number(arguments.required_text("number", 100)?)?;
    let record = data.item(KIND, &number).await.map_err(|error| silent(&error))?.ok_or_else(not_found)?;
    let prescription = Prescription::deserialize(&record).map_err(|_| unreadable("prescription"))?;
    Ok(report(&prescription))
}

/// The number as records are filed by: `RX-` and its digits.
fn number(said: &str) -> Result<String, ToolError> {
    let said = said.to_ascii_lowercase();
    let mut digits = String::new();
    for word in said.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        match spoken_digit(word) {
            Some(digit) => digits.push(digit),
            None => digits.push_str(&written_digits(word)?),
        }
    }
    if (4..=10).contains(&digits.len()) { Ok(format!("RX-{digits}")) } else { Err(not_a_number()) }
}

fn spoken_digit(word: &str) -> Option<char> {
    Some(match word {
        "zero" | "oh" | "o" => '0',
        "one" => '1',
        "two" => '2',
        "three" => '3',
        "four" => '4',
        "five" => '5',
        "six" => '6',
        "seven" => '7',
        "eight" => '8',
        "nine" => '9',
        _ => return None,
    })
}

/// Digits, with the letters that stand before them or alone; an `o` among them is a nought.
fn written_digits(word: &str) -> Result<String, ToolError> {
    let word =
        ["prescription", "number", "rx", "r", "x"].iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word);
    word.chars()
        .map(|letter| match letter {
            'o' => Ok('0'),
            digit if digit.is_ascii_digit() => Ok(digit),
            _ => Err(not_a_number()),
        })
        .collect()
}

fn report(prescription: &Prescription) -> Value {
    let Prescription { number, patient_initial, medicine, status, ready_at, refills_left, pharmacy } = prescription;
    let mut report = json!({
        "number": number,
        "patient_initial": patient_initial,
        "medicine": medicine,
        "status": status.in_words(),
        "refills_left": refills_left,
        "pharmacy": pharmacy,
    });
    if let Some(ready_at) = ready_at {
        report["ready_at"] = json!(ready_at);
    }
    report
}

impl Status {
    fn in_words(self) -> &'static str {
        match self {
            Self::Ready => "ready to be picked up",
            Self::InProgress => "being prepared",
            Self::NeedsRefillAuthorisation => "waiting for the doctor to authorise the refill",
            Self::OutOfStock => "waiting for the medicine, which is out of stock",
            Self::PickedUp => "picked up already",
        }
    }
}

fn not_a_number() -> ToolError {
    invalid("`number` must be the letters RX and four to ten digits; ask the caller to read it out digit by digit.")
}

fn not_found() -> ToolError {
    let message = "There is no prescription with this number. Read it back to the caller and ask whether it is right.";
    ToolError::new(ToolErrorKind::NotFound, message)
}

fn silent(_error: &PortError) -> ToolError {
    ToolError::new(ToolErrorKind::Unavailable, "The pharmacy's records cannot be reached at the moment.")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Data, block_on};
    use super::*;

    fn ask(number: &str) -> Result<Value, ToolError> {
        block_on(run(&json!({ "number": number }).to_string(), &Data::Seeded))
    }

    #[test]
    fn a_prescription_is_told_in_words() {
        assert_eq!(
            ask("RX-1234").unwrap(),
            json!({
                "number": "RX-1234",
                "patient_initial": "J",
                "medicine": "amoxicillin 500 milligrams, 21 capsules",
                "status": "ready to be picked up",
                "ready_at": "since 10 this morning",
                "refills_left": 0,
                "pharmacy": "Harbour Street Pharmacy",
            })
        );
    }

    #[test]
    fn a_number_is_understood_however_it_was_transcribed() {
        for said in [
            "RX-1234",
            "rx1234",
            "1234",
            "Rx 12 34",
            "R X 1 2 3 4",
            "R.X. 1-2-3-4.",
            "rx: one two three four",
            "number 1234",
            "prescription number RX one 2 three 4",
            " rx–1234 ",
        ] {
            assert_eq!(number(said).as_deref(), Ok("RX-1234"), "{said}");
        }
        for said in ["RX-2O07", "rx 2 oh zero 7", "R X two o o seven"] {
            assert_eq!(number(said).as_deref(), Ok("RX-2007"), "{said}");
        }
    }

    #[test]
    fn what_is_no_number_is_asked_for_again() {
        for said in ["RX", "12", "RX-12345678901", "AB-1234", "twelve thirty four", "??", "x"] {
            assert_eq!(ask(said).unwrap_err().kind, ToolErrorKind::InvalidArguments, "{said}");
        }
        assert_eq!(ask("").unwrap_err().message, "`number` is missing; send it as text.");
    }

    #[test]
    fn a_number_that_is_not_there_is_not_found_and_not_repeated() {
        let error = ask("RX-9999").unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::NotFound);
        assert!(!error.message.contains("9999"));
    }

    #[test]
    fn every_status_of_the_seed_has_its_words() {
        for (number, words) in
            [("1234", "ready"), ("2007", "prepared"), ("3150", "doctor"), ("4421", "out of stock"), ("5678", "already")]
        {
            assert!(ask(number).unwrap()["status"].as_str().unwrap().contains(words), "{number}");
        }
    }

    #[test]
    fn records_that_cannot_be_had_or_read_are_said_to_be_so() {
        let arguments = r#"{"number":"1234"}"#;
        let broken = block_on(run(arguments, &Data::Broken(PortError::Unavailable("down".to_owned())))).unwrap_err();
        assert_eq!(broken.kind, ToolErrorKind::Unavailable);
        let odd =
            block_on(run(arguments, &Data::Holding(vec![(KIND, "RX-1234", json!({ "number": 7 }))]))).unwrap_err();
        assert_eq!(odd.kind, ToolErrorKind::Internal);
    }
}

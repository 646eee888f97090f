//! A tool that is a Lambda function of one's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Faults;
use crate::fault::Fault;

/// Which function. It gets `{"tool", "arguments", "call", "tool_call"}` and answers JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LambdaTool {
    pub arn: String,
    /// Whether a second invocation with the same `tool_call` does nothing more than the first. Only then is one whose end
    /// nobody saw begun again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idempotent: bool,
}

impl LambdaTool {
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        faults.rule(
            "arn",
            is_function(&self.arn),
            "must be a function's ARN, as in arn:aws:lambda:eu-central-1:123456789012:function:orders",
        );
        faults.0
    }
}

fn is_function(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let (head, rest) = match parts.as_slice() {
        ["arn", partition, "lambda", region, account, "function", rest @ ..] => ((partition, region, account), rest),
        _ => return false,
    };
    let (partition, region, account) = head;
    let word = |text: &str| {
        (1..=64).contains(&text.len()) && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_')
    };
    partition.starts_with("aws")
        && word(partition)
        && word(region)
        && account.len() == 12
        && account.chars().all(|digit| digit.is_ascii_digit())
        && match rest {
            [name] => word(name),
            [name, qualifier] => word(name) && (word(qualifier) || *qualifier == "$LATEST"),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_of_a_function() {
        for (arn, fine) in [
            ("arn:aws:lambda:eu-central-1:123456789012:function:orders", true),
            ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:orders:live", true),
            ("arn:aws:lambda:eu-central-1:123456789012:function:orders:$LATEST", true),
            ("arn:aws:lambda:eu-central-1:123456789012:function:", false),
            ("arn:aws:lambda:eu-central-1:1234:function:orders", false),
            ("arn:aws:sqs:eu-central-1:123456789012:orders", false),
            ("arn:aws:lambda:eu-central-1:123456789012:function:a:b:c", false),
            ("arn:aws:lambda:eu-central-1:123456789012:function:or ders", false),
            ("orders", false),
        ] {
            let faults = LambdaTool { arn: arn.to_owned(), idempotent: false }.faults();
            assert_eq!(faults.is_empty(), fine, "{arn}");
        }
    }
}

//! What Twilio must know of us before it can call: an account that lets us in, and a number that points here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids::NumberSid;

/// What was seen of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Twilio does not know these credentials.
    Refused,
    There {
        status: String,
        trial: bool,
        numbers: Vec<Number>,
    },
}

/// One of the account's numbers, as Twilio describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Number {
    pub sid: NumberSid,
    pub phone_number: String,
    pub friendly_name: Option<String>,
    pub voice_url: Option<String>,
    pub voice_method: Option<String>,
    pub voice_fallback_url: Option<String>,
    pub voice_fallback_method: Option<String>,
    pub status_callback: Option<String>,
    pub status_callback_method: Option<String>,
    /// A TwiML app answers instead of the webhook.
    pub voice_application_sid: Option<String>,
    /// A SIP trunk does.
    pub trunk_sid: Option<String>,
    pub capabilities: NumberCapabilities,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NumberCapabilities {
    pub voice: bool,
}

/// A number of which Twilio does not say it takes calls.
impl Default for NumberCapabilities {
    fn default() -> Self {
        Self { voice: true }
    }
}

/// What is right and what is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setup {
    /// Whether an account is configured at all.
    pub configured: bool,
    /// What a number's "a call comes in" must be, by POST.
    pub webhook: String,
    /// What its "call status changes" should be.
    pub status_callback: String,
    pub account: Option<AccountState>,
    pub numbers: Vec<NumberState>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountState {
    pub status: String,
    pub trial: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NumberState {
    pub number: String,
    pub points_here: bool,
}

/// Something wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SetupProblem")]
pub struct Problem {
    pub what: String,
    pub mend: String,
    /// Or of the account.
    #[serde(skip)]
    pub of_numbers: bool,
    #[serde(skip)]
    pub weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weight {
    /// Calls come all the same.
    Light,
    #[default]
    Grave,
}

impl Setup {
    /// `account` is `None` where none is configured.
    pub fn check(public_url: &Url, account: Option<Account>) -> Self {
        let mut setup = Self {
            configured: account.is_some(),
            webhook: Self::webhook_of(public_url),
            status_callback: Self::status_callback_of(public_url),
            account: None,
            numbers: Vec::new(),
            problems: Vec::new(),
        };
        match account {
            None => setup.account_problem(
                Weight::Light,
                "no Twilio account is configured",
                "set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or an API key; simulated callers need no account",
            ),
            Some(Account::Refused) => setup.account_problem(
                Weight::Grave,
                "Twilio refuses the credentials",
                "compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key) with Twilio's console",
            ),
            Some(Account::There { status, trial, numbers }) => setup.look(status, trial, &numbers),
        }
        setup
    }

    /// What a number's "a call comes in" must be, by POST.
    pub fn webhook_of(public_url: &Url) -> String {
        format!("{}/twiml", public_url.as_str().trim_end_matches('/'))
    }

    /// What its "call status changes" should be, by POST.
    pub fn status_callback_of(public_url: &Url) -> String {
        format!("{}/call/status", public_url.as_str().trim_end_matches('/'))
    }

    /// By either of its names.
    pub fn is_webhook(url: &str, public_url: &Url) -> bool {
        is_webhook(url, &Self::webhook_of(public_url))
    }

    fn look(&mut self, status: String, trial: bool, numbers: &[Number]) {
        if status != "active" {
            self.account_problem(Weight::Grave, &format!("the account is {status}"), "see Twilio's console for why");
        }
        if trial {
            self.account_problem(
                Weight::Light,
                "it is a trial account: callers hear a message of Twilio's first",
                "upgrade the account in Twilio's console",
            );
        }
        self.account = Some(AccountState { status, trial });
        for number in numbers {
            let points_here = self.points_here(number);
            if points_here && let Some((weight, what, mend)) = hidden(number).or_else(|| self.silent(number)) {
                self.numbers_problem(weight, &format!("{} {what}", number.phone_number), &mend);
            }
            self.numbers.push(NumberState { number: number.phone_number.clone(), points_here });
        }
        if !self.numbers.iter().any(|number| number.points_here) {
            let mend = format!(
                "point one here on the page Numbers, or set its \"a call comes in\" to {}, HTTP POST",
                self.webhook
            );
            self.numbers_problem(Weight::Grave, "no number of the account points here", &mend);
        }
    }

    fn points_here(&self, number: &Number) -> bool {
        number.voice_url.as_deref().is_some_and(|url| is_webhook(url, &self.webhook))
    }

    /// It works, but nobody tells us how calls end.
    fn silent(&self, number: &Number) -> Option<(Weight, String, String)> {
        let tells = number.status_callback.as_deref() == Some(self.status_callback.as_str());
        let mend = format!("set its \"call status changes\" to {}", self.status_callback);
        (!tells).then(|| (Weight::Light, "does not tell us how its calls end".to_owned(), mend))
    }

    fn account_problem(&mut self, weight: Weight, what: &str, mend: &str) {
        self.problems.push(Problem { what: what.to_owned(), mend: mend.to_owned(), of_numbers: false, weight });
    }

    fn numbers_problem(&mut self, weight: Weight, what: &str, mend: &str) {
        self.problems.push(Problem { what: what.to_owned(), mend: mend.to_owned(), of_numbers: true, weight });
    }
}

fn is_webhook(url: &str, webhook: &str) -> bool {
    url == webhook
        || webhook.strip_suffix("/twiml").is_some_and(|base| url.strip_prefix(base) == Some("/incoming-call"))
}

/// Something else answers before the webhook does.
fn hidden(number: &Number) -> Option<(Weight, String, String)> {
    let set = |sid: &Option<String>| sid.as_deref().is_some_and(|sid| !sid.is_empty());
    let by = match number {
        number if set(&number.trunk_sid) => "a SIP trunk",
        number if set(&number.voice_application_sid) => "a TwiML app",
        _ => return None,
    };
    Some((
        Weight::Grave,
        format!("is answered by {by}, not by its webhook"),
        format!("take {by} from the number in Twilio's console"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(account: Option<Account>) -> Setup {
        Setup::check(&Url::parse("https://voice.example.com").unwrap(), account)
    }

    fn ours() -> Number {
        Number {
            phone_number: "+15005550006".to_owned(),
            voice_url: Some("https://voice.example.com/twiml".to_owned()),
            status_callback: Some("https://voice.example.com/call/status".to_owned()),
            ..Number::default()
        }
    }

    fn there(numbers: Vec<Number>) -> Option<Account> {
        Some(Account::There { status: "active".to_owned(), trial: false, numbers })
    }

    fn whats(setup: &Setup) -> Vec<&str> {
        setup.problems.iter().map(|problem| problem.what.as_str()).collect()
    }

    #[test]
    fn all_is_well_when_a_number_points_here() {
        let elsewhere = Number { voice_url: Some("https://demo.twilio.com".to_owned()), ..ours() };
        let setup = check(there(vec![elsewhere, ours()]));
        assert_eq!(whats(&setup), [""; 0]);
        assert_eq!(setup.numbers.iter().map(|number| number.points_here).collect::<Vec<_>>(), [false, true]);
        assert_eq!(setup.webhook, "https://voice.example.com/twiml");
    }

    #[test]
    fn what_is_missing_is_named_with_its_mend() {
        assert_eq!(whats(&check(None)), ["no Twilio account is configured"]);
        assert_eq!(whats(&check(Some(Account::Refused))), ["Twilio refuses the credentials"]);
        let setup = check(there(vec![Number::default()]));
        assert_eq!(whats(&setup), ["no number of the account points here"]);
        assert!(setup.problems[0].mend.contains("https://voice.example.com/twiml"));
    }

    #[test]
    fn a_webhook_behind_something_else_is_no_webhook() {
        let trunk = Number { trunk_sid: Some("TK1".to_owned()), ..ours() };
        let app = Number { voice_application_sid: Some("AP1".to_owned()), ..ours() };
        let cleared = Number { voice_application_sid: Some(String::new()), status_callback: None, ..ours() };
        assert_eq!(
            whats(&check(there(vec![trunk, app, cleared]))),
            [
                "+15005550006 is answered by a SIP trunk, not by its webhook",
                "+15005550006 is answered by a TwiML app, not by its webhook",
                "+15005550006 does not tell us how its calls end",
            ]
        );
    }

    #[test]
    fn an_account_that_is_suspended_or_on_trial_is_said_to_be() {
        let setup = check(Some(Account::There { status: "suspended".to_owned(), trial: true, numbers: vec![ours()] }));
        assert_eq!(whats(&setup).len(), 2);
        assert_eq!(setup.account, Some(AccountState { status: "suspended".to_owned(), trial: true }));
    }
}

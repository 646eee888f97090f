//! What Twilio must know of us before it can call: an account that lets us in, and a number that points here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

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
    pub phone_number: String,
    pub voice_url: Option<String>,
    pub voice_method: Option<String>,
    pub status_callback: Option<String>,
    /// A TwiML app answers instead of the webhook.
    pub voice_application_sid: Option<String>,
    /// A SIP trunk does.
    pub trunk_sid: Option<String>,
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
}

impl Setup {
    /// `account` is `None` where none is configured.
    pub fn check(public_url: &Url, account: Option<Account>) -> Self {
        let base = public_url.as_str().trim_end_matches('/');
        let mut setup = Self {
            configured: account.is_some(),
            webhook: format!("{base}/twiml"),
            status_callback: format!("{base}/call/status"),
            account: None,
            numbers: Vec::new(),
            problems: Vec::new(),
        };
        match account {
            None => setup.problem(
                "no Twilio account is configured",
                "set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or an API key",
            ),
            Some(Account::Refused) => setup.problem(
                "Twilio refuses the credentials",
                "compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key) with Twilio's console",
            ),
            Some(Account::There { status, trial, numbers }) => setup.look(status, trial, &numbers),
        }
        setup
    }

    fn look(&mut self, status: String, trial: bool, numbers: &[Number]) {
        if status != "active" {
            self.problem(&format!("the account is {status}"), "see Twilio's console for why");
        }
        if trial {
            self.problem(
                "it is a trial account: callers hear a message of Twilio's first",
                "upgrade the account in Twilio's console",
            );
        }
        self.account = Some(AccountState { status, trial });
        for number in numbers {
            let points_here = self.points_here(number);
            if points_here && let Some((what, mend)) = hidden(number).or_else(|| self.silent(number)) {
                self.problem(&format!("{} {what}", number.phone_number), &mend);
            }
            self.numbers.push(NumberState { number: number.phone_number.clone(), points_here });
        }
        if !self.numbers.iter().any(|number| number.points_here) {
            let mend = format!("set a number's \"a call comes in\" to the webhook {}, HTTP POST", self.webhook);
            self.problem("no number of the account points here", &mend);
        }
    }

    fn points_here(&self, number: &Number) -> bool {
        let other = self.webhook.replace("/twiml", "/incoming-call");
        number.voice_url.as_deref().is_some_and(|url| url == self.webhook || url == other)
    }

    /// It works, but nobody tells us how calls end.
    fn silent(&self, number: &Number) -> Option<(String, String)> {
        let tells = number.status_callback.as_deref() == Some(self.status_callback.as_str());
        let mend = format!("set its \"call status changes\" to {}", self.status_callback);
        (!tells).then(|| ("does not tell us how its calls end".to_owned(), mend))
    }

    fn problem(&mut self, what: &str, mend: &str) {
        self.problems.push(Problem { what: what.to_owned(), mend: mend.to_owned() });
    }
}

/// Something else answers before the webhook does.
fn hidden(number: &Number) -> Option<(String, String)> {
    let set = |sid: &Option<String>| sid.as_deref().is_some_and(|sid| !sid.is_empty());
    let by = match number {
        number if set(&number.trunk_sid) => "a SIP trunk",
        number if set(&number.voice_application_sid) => "a TwiML app",
        _ => return None,
    };
    Some((format!("is answered by {by}, not by its webhook"), format!("take {by} from the number in Twilio's console")))
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

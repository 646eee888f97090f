use super::*;

const NOW_MS: u64 = 1_795_000_000_000;
const HOUR_MS: u64 = 60 * 60 * 1000;

fn keys(key: &str) -> Keys {
    Keys::new(Some(Secret::new(key)), &"https://voice.example.com".parse().unwrap())
}

fn open(url: &str) -> Result<Visitor, Denied> {
    Keys::new(None, &url.parse().unwrap()).admit(None, NOW_MS)
}

#[test]
fn without_a_key_this_machine_is_open_and_no_other() {
    assert!(open("http://localhost:8787").is_ok_and(|visitor| visitor.open && visitor.role == Role::Admin));
    assert_eq!(open("https://voice.example.com"), Err(Denied::Closed));
}

#[test]
fn the_key_opens_everything() {
    assert_eq!(keys("key").admit(Some("key"), NOW_MS).map(|visitor| visitor.role), Ok(Role::Admin));
    assert_eq!(keys("key").admit(Some("kez"), NOW_MS), Err(Denied::Forged));
    assert_eq!(keys("key").admit(None, NOW_MS), Err(Denied::NoToken));
}

#[test]
fn a_pass_opens_what_its_role_may_until_it_ends() {
    let grant = Pass::grant(Role::Operator, "Ada Ångström", 1, NOW_MS);
    let token = keys("key").sign(&grant).unwrap();
    let admit = |at_ms| keys("key").admit(Some(token.reveal()), at_ms);
    assert_eq!(admit(NOW_MS).map(|visitor| visitor.pass), Ok(Some(grant)));
    assert_eq!(admit(NOW_MS + 24 * HOUR_MS - 1).map(|visitor| visitor.role), Ok(Role::Operator));
    assert_eq!(admit(NOW_MS + 24 * HOUR_MS), Err(Denied::Expired));
}

#[test]
fn another_key_ends_all_passes() {
    let token = keys("key").sign(&Pass::grant(Role::Viewer, "", 1, NOW_MS)).unwrap();
    assert_eq!(keys("other").admit(Some(token.reveal()), NOW_MS), Err(Denied::Forged));
}

#[test]
fn not_a_byte_of_a_pass_can_be_changed() {
    let token = keys("key").sign(&Pass::grant(Role::Viewer, "wallboard", 1, NOW_MS)).unwrap();
    for at in 0..token.reveal().len() {
        let mut bytes = token.reveal().as_bytes().to_vec();
        // The last letter of base64 has bits that mean nothing: those must be zero.
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(keys("key").admit(Some(&changed), NOW_MS), Err(Denied::Forged), "{at}");
    }
}

#[test]
fn a_session_is_renewed_for_half_a_day_and_no_longer() {
    let mut visitor = keys("key").admit(Some("key"), NOW_MS).unwrap();
    let mut now_ms = NOW_MS;
    let mut renewed = 0;
    loop {
        let session = Pass::session(&visitor, now_ms);
        assert!(session.until_ms <= NOW_MS + 12 * HOUR_MS);
        now_ms += HOUR_MS - 1;
        let token = keys("key").sign(&session).unwrap();
        match keys("key").admit(Some(token.reveal()), now_ms) {
            Ok(still) => visitor = still,
            Err(denied) => {
                assert_eq!(denied, Denied::Expired);
                break;
            }
        }
        renewed += 1;
    }
    assert_eq!(renewed, 12);
}

#[test]
fn a_session_lasts_no_longer_than_the_grant_it_was_had_for() {
    let grant = Pass::grant(Role::Viewer, "", 1, NOW_MS);
    let token = keys("key").sign(&grant).unwrap();
    let late_ms = NOW_MS + 24 * HOUR_MS - 60_000;
    let visitor = keys("key").admit(Some(token.reveal()), late_ms).unwrap();
    assert_eq!(Pass::session(&visitor, late_ms).until_ms, grant.until_ms);
}

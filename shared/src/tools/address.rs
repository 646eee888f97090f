//! Where a tool of one's own may go: to the open internet, on the ports of the web, and to what a setting names.
//!
//! Names say nothing, so the addresses are judged to which they resolve; and whoever connects, connects to exactly those
//! and resolves no second time. Every hop of a redirect is judged anew.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// IANA's special-purpose registry of IPv4: nothing in these is the open internet.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// All of IPv6 that is given to anybody. Outside it are `::1`, `fe80::`, `fd00:ec2::254`, multicast, and the forms that hide
/// an IPv4 address: mapped, compatible, NAT64.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0], 3);

/// Within it: protocol assignments (Teredo hides an IPv4 address), documentation, 6to4 (which hides one too).
const SPECIAL_V6: [Ipv6Net; 4] =
    [v6([0x2001, 0, 0], 23), v6([0x2001, 0xdb8, 0], 32), v6([0x2002, 0, 0], 16), v6([0x3fff, 0, 0], 20)];

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6([a, b, c]: [u16; 3], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits)
}

/// Whether anybody on the internet can have it.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|net| net.contains(&address)),
    }
}

/// Says where tools may go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    /// `TOOL_ALLOW_HOSTS`: these are not judged.
    trusted: Vec<Trusted>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Trusted {
    host: Host<String>,
    /// `None`: the web's own.
    port: Option<u16>,
}

/// Why a tool may not go there. None of them names the place: it may hold what the caller said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("it is neither http nor https")]
    Scheme,
    #[error("it holds a user name or a password")]
    Credentials,
    #[error("it is at a port other than 80 and 443")]
    Port,
    #[error("it is not on the open internet")]
    NotPublic,
}

impl Guard {
    /// What can be said before the name is resolved.
    pub fn judge(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        if self.trusts(url) {
            return Ok(());
        }
        if !matches!(url.port_or_known_default(), Some(80 | 443)) {
            return Err(Refusal::Port);
        }
        let public = match url.host() {
            Some(Host::Domain(name)) => !is_this_machine(name),
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            None => false,
        };
        if public { Ok(()) } else { Err(Refusal::NotPublic) }
    }

    /// What its name resolves to. One address that is not public condemns all: nobody's name needs both.
    pub fn judge_addresses(&self, url: &Url, found: &[IpAddr]) -> Result<(), Refusal> {
        self.judge(url)?;
        let fine = self.trusts(url) || found.iter().all(|address| is_public(*address));
        if fine { Ok(()) } else { Err(Refusal::NotPublic) }
    }

    /// Whether the setting names it, with its port.
    pub fn trusts(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        self.trusted.iter().any(|trusted| {
            let same_port = match trusted.port {
                Some(_) => trusted.port == port,
                None => matches!(port, Some(80 | 443)),
            };
            same_port && url.host().is_some_and(|host| host.to_owned() == trusted.host)
        })
    }
}

fn is_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.is_empty()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of hosts, as in localhost:9000,10.1.2.3")]
pub struct NotHosts;

impl FromStr for Guard {
    type Err = NotHosts;

    fn from_str(list: &str) -> Result<Self, NotHosts> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self { trusted: entries.map(Trusted::from_str).collect::<Result<_, _>>()? })
    }
}

impl FromStr for Trusted {
    type Err = NotHosts;

    fn from_str(entry: &str) -> Result<Self, NotHosts> {
        let url = Url::parse(&format!("http://{entry}/")).map_err(|_| NotHosts)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let host = url.host().filter(|_| bare && !entry.ends_with('/')).ok_or(NotHosts)?;
        // A URL does not keep the port that its scheme has anyway.
        Ok(Self { host: host.to_owned(), port: url.port().or(entry.ends_with(":80").then_some(80)) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(guard: &str, url: &str) -> Result<(), Refusal> {
        guard.parse::<Guard>().unwrap().judge(&url.parse().unwrap())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_open_internet_is_reached_on_the_ports_of_the_web() {
        for url in
            ["https://api.example.com/x", "http://93.184.215.14/", "https://[2606:2800:21f::1]/", "http://a:443/"]
        {
            assert_eq!(judge("", url), Ok(()), "{url}");
        }
        assert_eq!(judge("", "https://api.example.com:8443/"), Err(Refusal::Port));
        assert_eq!(judge("", "ftp://api.example.com/"), Err(Refusal::Scheme));
        assert_eq!(judge("", "https://user:word@api.example.com/"), Err(Refusal::Credentials));
    }

    #[test]
    fn a_private_address_is_refused_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0",
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "100.100.100.200",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "api.localhost",
            "[::1]",
            "[::]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[ff02::1]",
            "[::ffff:169.254.169.254]",
            "[::ffff:8.8.8.8]",
            "[::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::1]",
            "[2002:a9fe:a9fe::1]",
            "[2001:0:a9fe:a9fe::1]",
            "[2001:db8::1]",
            "[3fff::1]",
            "[fec0::1]",
        ] {
            let url = format!("http://{host}/latest/meta-data/");
            assert_eq!(judge("", &url), Err(Refusal::NotPublic), "{host}");
        }
    }

    #[test]
    fn a_name_is_judged_by_all_that_it_resolves_to() {
        let (guard, url) = (Guard::default(), "https://rebind.example/".parse().unwrap());
        assert_eq!(guard.judge_addresses(&url, &[ip("93.184.215.14")]), Ok(()));
        for also in ["169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00:ec2::254"] {
            let found = [ip("93.184.215.14"), ip(also)];
            assert_eq!(guard.judge_addresses(&url, &found), Err(Refusal::NotPublic), "{also}");
        }
    }

    #[test]
    fn what_a_setting_names_is_trusted_with_its_port_and_no_other() {
        let list = "localhost:9000, 10.1.2.3 , [::1]:80";
        for (url, trusted) in [
            ("http://localhost:9000/x", true),
            ("http://localhost/x", false),
            ("http://localhost:9001/", false),
            ("https://10.1.2.3/", true),
            ("https://10.1.2.3:8443/", false),
            ("http://10.1.2.4/", false),
            ("http://[::1]/", true),
            ("https://[::1]/", false),
        ] {
            assert_eq!(judge(list, url).is_ok(), trusted, "{url}");
        }
        let guard: Guard = list.parse().unwrap();
        assert_eq!(guard.judge_addresses(&"http://localhost:9000/".parse().unwrap(), &[ip("127.0.0.1")]), Ok(()));
        for wrong in ["http://a", "a/b", "user@a", "a:b", "a b"] {
            assert_eq!(wrong.parse::<Guard>(), Err(NotHosts), "{wrong}");
        }
    }

    /// What the standard library knows of special addresses, in its own words.
    fn is_known_to_be_special(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(it) => {
                it.is_private()
                    || it.is_loopback()
                    || it.is_link_local()
                    || it.is_broadcast()
                    || it.is_documentation()
                    || it.is_multicast()
                    || it.is_unspecified()
            }
            IpAddr::V6(it) => {
                it.is_loopback()
                    || it.is_unspecified()
                    || it.is_multicast()
                    || it.is_unique_local()
                    || it.is_unicast_link_local()
                    || it.to_ipv4().is_some()
            }
        }
    }

    proptest! {
        #[test]
        fn no_special_address_is_public(v4: u32, v6: u128, prefix in prop::sample::select(vec![0_u128, 0xfc00, 0xfe80, 0xff00])) {
            let near = prefix << 112 | v6 >> 16;
            let hidden = |form: u128| Ipv6Addr::from(form | u128::from(v4));
            for address in [IpAddr::V4(v4.into()), IpAddr::V6(v6.into()), IpAddr::V6(near.into())] {
                prop_assert!(!(is_public(address) && is_known_to_be_special(address)), "{address}");
            }
            for form in [0_u128, 0xffff << 32, 0x64_ff9b << 96, 0x64_ff9b_0001 << 80] {
                prop_assert!(!is_public(hidden(form).into()), "{}", hidden(form));
            }
            let six_to_four = Ipv6Addr::from(0x2002_u128 << 112 | u128::from(v4) << 80 | v6 >> 48);
            prop_assert!(!is_public(six_to_four.into()), "{six_to_four}");
        }
    }
}

//! Arguments that several commands take.

use muster_common::account::{AccountId, InvalidAccountId};

/// How much of a list to show.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// At most this many
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = at_least_one)]
    limit: u32,
    /// All there are, page by page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Extent {
    /// How many to ask for next, when `shown` are there already; `None` when it is enough.
    pub(crate) fn next_page(self, shown: usize, page_max: usize) -> Option<u32> {
        let wanted = if self.all {
            page_max
        } else {
            (self.limit as usize).saturating_sub(shown).min(page_max)
        };
        u32::try_from(wanted).ok().filter(|wanted| *wanted > 0)
    }
}

pub(crate) fn at_least_one(text: &str) -> Result<u32, String> {
    let number = text.parse().map_err(|error| format!("{error}"))?;
    if number == 0 {
        return Err("should be at least 1".to_owned());
    }
    Ok(number)
}

/// An account as an argument: a wrong one would only find nothing.
pub(crate) fn account(text: &str) -> Result<String, InvalidAccountId> {
    text.parse::<AccountId>().map(String::from)
}

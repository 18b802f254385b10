//! What operators want otherwise: each change is one transaction with its event.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use muster_common::text::is_visible;
use muster_store::Table;

use super::choices::{ControlChoice, Disabling, Place, StandardChoice};
use super::{Compliance, Entry, Error};
use crate::audit::Event;
use crate::records::{Draft, to_the_end};

/// Longest reason, in characters.
pub(super) const REASON_MAX: usize = 256;

impl Compliance {
    /// Switches a standard on or off. One that is so already stays, without an event.
    ///
    /// # Errors
    /// [`Error::NoStandard`].
    pub async fn set_standard(&self, id: &str, enabled: bool, by: &str) -> Result<(), Error> {
        self.check_standard(id)?;
        if self.choices().await?.is_on(id) == enabled {
            return Ok(());
        }
        let action = if enabled {
            "standard.enable"
        } else {
            "standard.disable"
        };
        let event = Event::new(self.clock.now(), action, by, format!("standards/{id}"));
        let draft = Draft::default()
            .put(Table::Standards, id, &StandardChoice { enabled })
            .audit(&event);
        let room = self.clone();
        to_the_end(async move {
            room.records.commit(draft).await?;
            room.choose();
            Ok(())
        })
        .await
    }

    /// Switches a control off in a place.
    ///
    /// # Errors
    /// [`Error::NoControl`], [`Error::Reason`], [`Error::AlreadyOff`], [`Error::NotInStandard`].
    pub async fn switch_off(
        &self,
        control: &str,
        place: &Place,
        reason: &str,
        by: &str,
    ) -> Result<(), Error> {
        let entry = self.control(control)?;
        self.check_place(entry, place)?;
        let length = reason.chars().count();
        if reason.trim().is_empty() || length > REASON_MAX || !is_visible(reason) {
            return Err(Error::Reason);
        }
        let disabling = Disabling {
            place: place.clone(),
            reason: reason.to_owned(),
            actor: by.to_owned(),
            at: self.clock.now(),
        };
        let told = format!("{place}: {reason}");
        let id = control.to_owned();
        self.change(control, "control.disable", (by, &told), move |choice| {
            let Disabling { place, .. } = &disabling;
            let mut disabled = choice.disabled.iter();
            if let Some(known) = disabled.find(|known| known.place == *place) {
                return Err(Error::AlreadyOff {
                    control: id.clone(),
                    place: place.clone(),
                    reason: known.reason.clone(),
                });
            }
            choice.disabled.push(disabling.clone());
            Ok(())
        })
        .await
    }

    /// Switches a control on again in a place where it is off.
    ///
    /// # Errors
    /// [`Error::NoControl`], [`Error::NotOff`].
    pub async fn switch_on(&self, control: &str, place: &Place, by: &str) -> Result<(), Error> {
        self.control(control)?;
        let told = place.to_string();
        let (id, place) = (control.to_owned(), place.clone());
        self.change(control, "control.enable", (by, &told), move |choice| {
            let before = choice.disabled.len();
            choice.disabled.retain(|known| known.place != place);
            if choice.disabled.len() == before {
                return Err(Error::NotOff {
                    control: id.clone(),
                    place: place.clone(),
                });
            }
            Ok(())
        })
        .await
    }

    /// Sets parameters of a control: JSON by name; an empty text sets the default.
    ///
    /// # Errors
    /// [`Error::NoControl`], [`Error::NoParameter`], [`Error::Parameter`], [`Error::NoChange`].
    pub async fn set_parameters(
        &self,
        control: &str,
        values: &BTreeMap<String, String>,
        by: &str,
    ) -> Result<(), Error> {
        let entry = self.control(control)?;
        if values.is_empty() {
            return Err(Error::NoChange);
        }
        let mut read = Vec::new();
        for (name, text) in values {
            read.push((name.clone(), parameter(entry, name, text)?));
        }
        let told: Vec<String> = values
            .iter()
            .map(|(name, text)| {
                format!(
                    "{name} = {}",
                    if text.is_empty() { "default" } else { text }
                )
            })
            .collect();
        self.change(
            control,
            "control.set",
            (by, &told.join(", ")),
            move |choice| {
                for (name, value) in &read {
                    match value {
                        Some(value) => choice.parameters.insert(name.clone(), value.clone()),
                        None => choice.parameters.remove(name),
                    };
                }
                Ok(())
            },
        )
        .await
    }

    async fn change(
        &self,
        control: &str,
        action: &str,
        (by, detail): (&str, &str),
        change: impl Fn(&mut ControlChoice) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let room = self.clone();
        let [control, action, by, detail] = [control, action, by, detail].map(str::to_owned);
        to_the_end(async move {
            let decide = || {
                room.decide(&control, &change, (&action, &by, &detail))
                    .boxed()
            };
            room.records.transact::<_, Error>(decide).await?;
            room.choose();
            Ok(())
        })
        .await
    }

    /// A control's choice as it would be after a change.
    async fn decide(
        &self,
        control: &str,
        change: &(impl Fn(&mut ControlChoice) -> Result<(), Error> + Send + Sync),
        (action, by, detail): (&str, &str, &str),
    ) -> Result<((), Draft), Error> {
        let kept = self
            .records
            .keep::<ControlChoice>(Table::Controls, control)
            .await?;
        let mut choice = kept.value.clone().unwrap_or_default();
        change(&mut choice)?;
        let subject = format!("controls/{control}");
        let event = Event::new(self.clock.now(), action, by, subject).detail(detail);
        let draft = Draft::default()
            .expect(&kept)
            .put(Table::Controls, control, &choice)
            .audit(&event);
        Ok(((), draft))
    }

    fn check_place(&self, entry: &Entry, place: &Place) -> Result<(), Error> {
        match place {
            Place::Everywhere | Place::Account(_) => Ok(()),
            Place::Standard(id) => {
                self.check_standard(id)?;
                if entry.requirements(id).is_empty() {
                    return Err(Error::NotInStandard {
                        control: entry.control().id.clone(),
                        standard: id.clone(),
                    });
                }
                Ok(())
            }
        }
    }

    /// Has what was chosen read anew, and everybody judged by it.
    fn choose(&self) {
        let mut choices = self.choices.lock();
        *choices = None;
        self.chosen.send_modify(|count| *count += 1);
    }
}

/// The value of a parameter; `None` for its default.
fn parameter(entry: &Entry, name: &str, text: &str) -> Result<Option<serde_json::Value>, Error> {
    let control = entry.control();
    let Some(parameter) = control.parameters.get(name) else {
        return Err(Error::NoParameter {
            control: control.id.clone(),
            name: name.chars().take(64).collect(),
            known: control.parameters.keys().cloned().collect(),
        });
    };
    if text.is_empty() {
        return Ok(None);
    }
    let bad = |reason: String| Error::Parameter {
        control: control.id.clone(),
        name: name.to_owned(),
        reason,
    };
    let value = serde_json::from_str(text).map_err(|error| bad(format!("is no JSON: {error}")))?;
    match parameter.refuses(&value) {
        Some(reason) => Err(bad(format!("the value {reason}"))),
        None => Ok(Some(value)),
    }
}

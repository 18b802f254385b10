//! What operators want otherwise: each change is one transaction with its event.

use std::collections::BTreeMap;

use muster_common::text::is_visible;
use muster_store::Table;

use super::choices::{Choices, ControlChoice, Disabling, Place, StandardChoice};
use super::{Compliance, Entry, Error};
use crate::audit::Event;
use crate::records::Draft;

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
        self.records.commit(draft).await?;
        self.choose().await
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
        self.change(control, "control.disable", (by, &told), |choice| {
            let mut disabled = choice.disabled.iter();
            if let Some(known) = disabled.find(|known| known.place == *place) {
                return Err(Error::AlreadyOff {
                    control: control.to_owned(),
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
        self.change(control, "control.enable", (by, &told), |choice| {
            let before = choice.disabled.len();
            choice.disabled.retain(|known| known.place != *place);
            if choice.disabled.len() == before {
                return Err(Error::NotOff {
                    control: control.to_owned(),
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
            read.push((name, parameter(entry, name, text)?));
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
        self.change(control, "control.set", (by, &told.join(", ")), |choice| {
            for (name, value) in &read {
                match value {
                    Some(value) => choice.parameters.insert((*name).clone(), value.clone()),
                    None => choice.parameters.remove(*name),
                };
            }
            Ok(())
        })
        .await
    }

    async fn change(
        &self,
        control: &str,
        action: &str,
        (by, detail): (&str, &str),
        change: impl Fn(&mut ControlChoice) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        self.records
            .transact::<_, Error>(|| {
                let change = &change;
                Box::pin(async move {
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
                })
            })
            .await?;
        self.choose().await
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

    /// Takes what was chosen to heart, and has everybody judged by it.
    async fn choose(&self) -> Result<(), Error> {
        let read = Choices::read(&self.records).await?;
        *self.choices.lock() = Some(std::sync::Arc::new(read));
        self.chosen.send_modify(|count| *count += 1);
        Ok(())
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

//! The end of a run: everything is mended and everybody enrolled, until nothing waits; then all is compared.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_common::account::AccountId;
use muster_disk::simulated::Trouble;
use tokio::time::sleep;

use super::{ServerState, World};
use crate::agent::Agent;
use crate::clocks;
use crate::model::Expected;
use crate::network::Reach;
use crate::operator;
use crate::server::Server;

/// How long draining may take, in steps of two seconds.
const STEPS_MAX: u64 = 900;

impl World {
    pub(super) fn account(&self, number: usize) -> AccountId {
        self.agents[number]
            .source
            .lock()
            .expect("one thread")
            .account
    }

    /// Whether an agent may speak.
    pub(super) async fn stands(&self, number: usize) -> bool {
        match (self.server(), &self.agents[number].identity) {
            (Some(server), Some(identity)) => {
                operator::stands(server, &self.settings.shared, identity).await
            }
            _ => false,
        }
    }

    /// Enrolls the agent of a machine anew; it starts again with what it had.
    pub(super) async fn enroll(&mut self, number: usize) {
        let account = self.account(number);
        let Some(server) = self.server() else {
            return;
        };
        let shared = &self.settings.shared;
        let enrolled = operator::enroll(server, &self.network, shared, account, number).await;
        let Some(identity) = enrolled else {
            return;
        };
        let was_up = self.agents[number].running().is_some();
        self.agents[number].stop(&self.network).await;
        self.agents[number].renewed(identity);
        if was_up {
            self.start_agent(number, None).await;
        }
    }

    pub(super) async fn mend(&mut self) {
        self.model.note(|_| "everything is mended".to_owned());
        clocks::align();
        self.network.set_late(20);
        self.network.cut(|_| true);
        for machine in 0..=self.agents.len() {
            self.network.set_reach(machine, Reach::Good);
        }
        let estates = self.agents.iter().filter_map(|agent| agent.estate.as_ref());
        for estate in estates {
            estate.lock().expect("one thread").begin_anew();
        }
        for step in 0..STEPS_MAX {
            sleep(Duration::from_secs(2)).await;
            clocks::set();
            self.mend_machines().await;
            if step % 8 == 0 {
                self.mend_standing().await;
            }
            if self.model.lock().failure.is_some() {
                return;
            }
            let is_done = |agent: &Agent| agent.is_drained() && agent.is_surveyed();
            if self.agents.iter().all(is_done) {
                return self.compare().await;
            }
        }
        for agent in &self.agents {
            let numbers = agent.running().map(|running| running.queue.numbers());
            self.model
                .note(|_| format!("machine {}: {numbers:?}", agent.number));
        }
        self.model.fail("what waits is not drained");
    }

    async fn mend_machines(&mut self) {
        self.reap();
        if matches!(self.server, ServerState::Down(_)) {
            self.start_server(None).await;
        }
        if let Some(server) = self.server() {
            server.disk.set_trouble(Trouble::None);
            server.disk.live_on();
        }
        for number in 0..self.agents.len() {
            if self.agents[number].running().is_none() {
                self.start_agent(number, None).await;
            }
            if let Some(running) = self.agents[number].running() {
                running.disk.set_trouble(Trouble::None);
                running.disk.live_on();
            }
        }
    }

    async fn mend_standing(&mut self) {
        for number in 0..self.agents.len() {
            let account = self.account(number);
            if let Some(server) = self.server() {
                operator::resume(server, &self.network, account).await;
            }
            if self.stands(number).await {
                let soon = self.settings.shared.clock.now().plus(20 * 60_000);
                let identity = self.agents[number].identity.as_ref();
                if identity.is_some_and(|of| of.credential.facts().not_after < soon) {
                    self.renew(number).await;
                }
            } else {
                self.check_refusal(number);
                self.enroll(number).await;
            }
        }
    }

    /// Nobody loses a good standing by itself.
    fn check_refusal(&self, number: usize) {
        let (Some(server), Some(identity)) = (self.server(), &self.agents[number].identity) else {
            return;
        };
        let facts = identity.credential.facts();
        let now = self.settings.shared.clock.now();
        if self.model.lock().must_stand(facts, now) && !server.disk.is_dead() {
            self.model.fail(format!(
                "the agent on machine {number} is refused for nothing"
            ));
        }
    }

    async fn compare_estates(&self, server: &Server) {
        let mut held = Vec::new();
        for agent in &self.agents {
            let Some(own) = &agent.identity else {
                continue;
            };
            let agents = server.membership.standing_agents(own.account).await;
            let known = |id| {
                let mut own = self
                    .agents
                    .iter()
                    .filter_map(|agent| agent.identity.as_ref());
                own.any(|identity| identity.agent == id)
            };
            if !agents.unwrap_or_default().into_iter().all(known) {
                held.push(own.account);
            }
        }
        self.model.check_all_told(&server.store, "in the end").await;
        let now = self.settings.shared.clock.now();
        self.model.compare_estates(&server.store, now, &held).await;
    }

    async fn compare(&self) {
        let Some(server) = self.server() else {
            return self.model.fail("the server is not there");
        };
        let expected: Expected = self
            .sources
            .iter()
            .map(|source| {
                let source = source.lock().expect("one thread");
                (source.account, source.findings.clone())
            })
            .collect();
        if self.agents.iter().any(|agent| agent.estate.is_some()) {
            return self.compare_estates(server).await;
        }
        self.model.check_all(&server.store, "in the end").await;
        self.model.compare(&server.store, &expected).await;
        for agent in &self.agents {
            let letters: BTreeSet<String> = agent.dead_letters().into_iter().collect();
            let source = agent.source.lock().expect("one thread");
            let lost = source
                .findings
                .iter()
                .filter(|document| document.is_bad())
                .filter(|document| !letters.contains(&*String::from_utf8_lossy(&document.bytes)))
                .count();
            if lost > 0 {
                self.model.fail(format!(
                    "machine {}: {lost} refused findings are no dead letters",
                    agent.number
                ));
            }
        }
    }
}

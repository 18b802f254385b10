//! What may happen at each step of a run, and how it is carried out.

use std::sync::Arc;
use std::time::Duration;

use muster_disk::simulated::{Contents, Disk, End, Trouble};
use muster_mtls::CertificateFacts;
use muster_store::Ledger as _;

use super::{ServerState, World};
use crate::agent::State;
use crate::network::Reach;
use crate::operator::{self, Ending};
use crate::{clocks, dice, rogue};

#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    /// A source lists more.
    Change,
    Down(Down),
    Disturb(Disturb),
    Govern(Govern),
    Rogue,
    /// Clocks go forward.
    Jump,
    /// A machine is backed up, or what it was then.
    TurnAgentBack,
    TurnServerBack,
    /// What is superseded in the store goes.
    Tidy,
    Trouble,
    Untrouble,
}

/// How a machine goes down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Down {
    CrashAgent,
    CrashAgentSoon,
    StopAgent,
    CrashServer,
    CrashServerSoon,
    StopServer,
}

/// What happens to the network of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) enum Disturb {
    Cut,
    Deafen,
    Part,
    Join,
    Late,
}

/// What operators and agents do about membership.
#[derive(Clone, Copy, Debug)]
pub(super) enum Govern {
    End,
    Enroll,
    Resume,
    Renew,
}

/// How often each may happen, at most; a run leaves some out.
const MOVES: &[(Move, u64)] = &[
    (Move::Down(Down::CrashAgent), 3),
    (Move::Down(Down::CrashAgentSoon), 7),
    (Move::Down(Down::StopAgent), 2),
    (Move::Down(Down::CrashServer), 3),
    (Move::Down(Down::CrashServerSoon), 6),
    (Move::Down(Down::StopServer), 1),
    (Move::Disturb(Disturb::Cut), 4),
    (Move::Disturb(Disturb::Deafen), 1),
    (Move::Disturb(Disturb::Part), 2),
    (Move::Disturb(Disturb::Join), 4),
    (Move::Disturb(Disturb::Late), 1),
    (Move::Govern(Govern::End), 2),
    (Move::Govern(Govern::Enroll), 4),
    (Move::Govern(Govern::Resume), 2),
    (Move::Govern(Govern::Renew), 3),
    (Move::Rogue, 4),
    (Move::Jump, 2),
    (Move::TurnAgentBack, 2),
    (Move::TurnServerBack, 2),
    (Move::Tidy, 2),
    (Move::Trouble, 2),
    (Move::Untrouble, 4),
];

/// What a run is like.
pub(super) struct Plan {
    pub steps: u64,
    /// The chance that a disk which starts dies soon.
    pub frailty: u64,
    gap_ms: u64,
    weights: Vec<(Move, u64)>,
}

impl Plan {
    pub(super) fn roll() -> Self {
        let mut weights: Vec<(Move, u64)> = MOVES
            .iter()
            .filter(|_| dice::percent(55))
            .copied()
            .collect();
        let all: u64 = weights.iter().map(|(_, weight)| weight).sum();
        weights.push((Move::Change, 3 + all / 2));
        Self {
            steps: dice::between(8, 52),
            frailty: [0, 25, 60][dice::below(3) as usize],
            gap_ms: [100, 1_500, 6_000][dice::below(3) as usize],
            weights,
        }
    }

    pub(super) fn gap(&self) -> Duration {
        if dice::percent(4) {
            dice::millis(10_000, 70_000)
        } else {
            dice::millis(0, self.gap_ms)
        }
    }

    pub(super) fn pick(&self) -> Move {
        let all = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut at = dice::below(all);
        for (what, weight) in &self.weights {
            if at < *weight {
                return *what;
            }
            at -= weight;
        }
        Move::Change
    }
}

impl World {
    fn any_agent(&self) -> usize {
        usize::try_from(dice::below(self.agents.len() as u64)).unwrap_or_default()
    }

    pub(super) async fn take(&mut self, what: Move) {
        match what {
            Move::Change => self.change(),
            Move::Down(down) => self.take_down(down).await,
            Move::Disturb(disturb) => self.disturb(disturb),
            Move::Govern(govern) => self.govern(govern).await,
            Move::Rogue => self.rogue().await,
            Move::Jump => self.jump(),
            Move::TurnAgentBack => self.turn_agent_back(),
            Move::TurnServerBack if self.server_backup.is_none() || dice::percent(40) => {
                self.back_up_server();
            }
            Move::TurnServerBack => self.restore_server().await,
            Move::Tidy => self.tidy().await,
            Move::Trouble => {
                self.trouble([Trouble::Full, Trouble::NextSync][dice::below(2) as usize]);
            }
            Move::Untrouble => self.trouble(Trouble::None),
        }
    }

    fn change(&self) {
        let estates = self.model.lock().estates.clone();
        if !estates.is_empty() {
            if let Some(estate) = dice::pick(&estates) {
                estate.lock().expect("one thread").change();
            }
            return;
        }
        if let Some(source) = dice::pick(&self.sources) {
            let made = source
                .lock()
                .expect("one thread")
                .change(dice::between(1, 9));
            self.model.lock().made(&made);
        }
    }

    async fn take_down(&mut self, down: Down) {
        let number = self.any_agent();
        match down {
            Down::CrashAgent => self.crash_agent(number),
            Down::CrashAgentSoon => {
                if let Some(running) = self.agents[number].running() {
                    running.disk.die_after(dice::below(25));
                }
            }
            Down::StopAgent => {
                self.model
                    .note(|_| format!("the agent on machine {number} is stopped"));
                self.agents[number].stop(&self.network).await;
            }
            Down::CrashServer => self.crash_server(),
            Down::CrashServerSoon => {
                if let Some(server) = self.server() {
                    server.disk.die_after(dice::below(12));
                }
            }
            Down::StopServer => self.stop_server().await,
        }
    }

    async fn stop_server(&mut self) {
        let down = ServerState::Down(Contents::default());
        match std::mem::replace(&mut self.server, down) {
            ServerState::Up(server) => {
                self.model.note(|_| "the server is stopped".to_owned());
                self.server = ServerState::Down(server.stop(&self.network).await);
            }
            down @ ServerState::Down(_) => self.server = down,
        }
    }

    fn disturb(&self, what: Disturb) {
        let machine = self.any_agent();
        let network = &self.network;
        self.model.note(|_| format!("machine {machine}: {what:?}"));
        match what {
            Disturb::Cut => network.cut(|line| line.machine == machine),
            Disturb::Deafen => network.deafen(machine),
            Disturb::Part => {
                let reach = [Reach::Refused, Reach::Silent][dice::below(2) as usize];
                network.set_reach(machine, reach);
                network.cut(|line| line.machine == machine);
            }
            Disturb::Late => network.set_late([0, 20, 3_000][dice::below(3) as usize]),
            Disturb::Join => network.set_reach(machine, Reach::Good),
        }
    }

    async fn govern(&mut self, what: Govern) {
        let number = self.any_agent();
        if self.server().is_none_or(|server| server.disk.is_dead()) {
            return;
        }
        match what {
            Govern::End => self.end(number).await,
            Govern::Resume => {
                let account = self.account(number);
                if let Some(server) = self.server() {
                    operator::resume(server, &self.network, account).await;
                }
            }
            Govern::Renew => self.renew(number).await,
            Govern::Enroll => {
                if !self.stands(number).await {
                    self.enroll(number).await;
                }
            }
        }
    }

    async fn end(&self, number: usize) {
        let Some(server) = self.server() else {
            return;
        };
        let account = self.account(number);
        let agent = self.agents[number].identity.as_ref();
        let ending = match (dice::below(4), agent) {
            (0, Some(identity)) => Ending::Revoke(identity.agent),
            (1, _) => Ending::Disassociate,
            (2, _) => Ending::Resign,
            _ => Ending::Suspend,
        };
        operator::end(server, &self.network, account, ending).await;
    }

    pub(super) async fn renew(&mut self, number: usize) {
        let agent = &self.agents[number];
        let (Some(running), Some(identity)) = (agent.running(), &agent.identity) else {
            return;
        };
        let shared = &self.settings.shared;
        let own = (&running.disk, &running.queue);
        let renewed = operator::renew(&self.network, shared, number, own, identity).await;
        if let Some(renewed) = renewed {
            self.agents[number].renewed(renewed);
        }
    }

    async fn rogue(&mut self) {
        self.rogues += 1;
        let number = self.any_agent();
        let account = self.account(number);
        let machine = self.agents.len();
        let agent = &self.agents[number];
        let all: Vec<Arc<CertificateFacts>> = agent
            .former
            .iter()
            .chain(&agent.identity)
            .map(|identity| Arc::new(identity.credential.facts().clone()))
            .collect();
        if dice::percent(25) {
            let facts = dice::pick(&all).cloned();
            return rogue::call(&self.network, machine, facts).await;
        }
        let now = self.settings.shared.clock.now();
        let barred: Vec<_> = all
            .into_iter()
            .filter(|facts| self.model.lock().may_not(facts, now))
            .collect();
        let facts = match dice::pick(&barred) {
            Some(facts) if dice::percent(80) => Some(Arc::clone(facts)),
            Some(_) | None => rogue::forged(&self.settings.shared, account),
        };
        rogue::send(&self.network, machine, facts, account, self.rogues).await;
    }

    /// Puts one clock forward, or all.
    fn jump(&self) {
        let by = i64::try_from(dice::between(5, 70)).unwrap_or_default() * 60_000;
        self.model.note(|_| format!("clocks jump by {by} ms"));
        if dice::percent(60) {
            clocks::advance(self.server_clock, by);
        }
        for agent in &self.agents {
            clocks::advance(agent.clock_number, by);
        }
    }

    fn turn_agent_back(&mut self) {
        let number = self.any_agent();
        if self.agents[number].backup.is_none() || dice::percent(40) {
            self.back_up_agent(number);
        } else {
            self.restore_agent(number);
        }
    }

    fn back_up_agent(&mut self, number: usize) {
        let agent = &mut self.agents[number];
        let running = agent.running().filter(|running| !running.disk.is_dead());
        if let (Some(running), Some(identity)) = (running, &agent.identity) {
            agent.backup = Some((running.disk.backup(), identity.clone()));
            self.model
                .note(|_| format!("machine {number} is backed up"));
        }
    }

    fn restore_agent(&mut self, number: usize) {
        let agent = &mut self.agents[number];
        let Some((contents, identity)) = agent.backup.clone() else {
            return;
        };
        agent.end(&self.network, End::Kill);
        agent.state = State::Down(contents);
        agent.former.extend(agent.identity.replace(identity));
        let account = self.account(number);
        let mut state = self.model.lock();
        state.tally.restores += 1;
        state.unsure(account);
        state.note(format!("machine {number} is restored"));
    }

    fn back_up_server(&mut self) {
        if let Some(server) = self.server().filter(|server| !server.disk.is_dead()) {
            let backup = (server.disk.backup(), self.model.lock().backup());
            self.server_backup = Some(backup);
            self.model.note(|_| "the server is backed up".to_owned());
        }
    }

    async fn restore_server(&mut self) {
        let Some((contents, then)) = self.server_backup.clone() else {
            return;
        };
        let before = std::mem::replace(&mut self.server, ServerState::Down(contents));
        if let ServerState::Up(server) = before {
            drop(server.end(&self.network, End::Kill));
        }
        {
            let mut state = self.model.lock();
            state.tally.restores += 1;
            state.note("the server is restored");
            state.restore(&then);
        }
        self.start_server(None).await;
    }

    async fn tidy(&self) {
        if let Some(server) = self.server() {
            let freed = server.store.tidy(self.settings.shared.clock.now()).await;
            self.model
                .note(|_| format!("the store is tidied: {}", freed.is_ok()));
        }
    }

    fn trouble(&self, trouble: Trouble) {
        let number = self.any_agent();
        let on_server = dice::percent(50);
        let disk: Option<&Disk> = if on_server {
            self.server().map(|server| &server.disk)
        } else {
            self.agents[number].running().map(|running| &running.disk)
        };
        if let Some(disk) = disk {
            self.model
                .note(|_| format!("disk trouble: {trouble:?}, on the server: {on_server}"));
            disk.set_trouble(trouble);
        }
    }
}

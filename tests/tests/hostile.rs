//! Hostile peers: what strangers, members' agents and operators try that they should not, against the real server in
//! this process. The tests are named after the rows of the negative matrix that `tests/hostile.md` lists.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod hostile {
    mod authorization;
    mod crowds;
    mod enrollment;
    mod floods;
    mod forms;
    mod handshake;
    mod invitation;
    mod keys;
    mod observations;
    mod renewal;
    mod secrets;
    mod sizes;
    mod standards;
    mod standing;
    mod strangers;
    mod sts_answers;
    mod uplink;

    mod agent;
    mod claim;
    mod frames;
    mod rooms;
    mod sts;
    mod tls;
    mod world;
}

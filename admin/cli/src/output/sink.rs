//! Where output goes: the process's own streams; in tests a buffer of the thread, which makes sessions comparable.

#[cfg(not(test))]
pub(crate) use process::{Out, is_terminal, out, tell};
#[cfg(test)]
pub(crate) use thread::{Out, is_terminal, out, said, tell};

#[cfg(not(test))]
mod process {
    use std::io::{self, IsTerminal as _};

    pub(crate) type Out = io::Stdout;

    pub(crate) fn out() -> Out {
        io::stdout()
    }

    pub(crate) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Tells people something beside the output.
    #[expect(clippy::print_stderr, reason = "the command line's voice")]
    pub(crate) fn tell(line: &str) {
        eprintln!("{line}");
    }
}

#[cfg(test)]
mod thread {
    use std::cell::RefCell;
    use std::io::{self, Write};

    thread_local! {
        static SAID: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) struct Out;

    pub(crate) const fn out() -> Out {
        Out
    }

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            SAID.with_borrow_mut(|said| said.write(bytes))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) const fn is_terminal() -> bool {
        false
    }

    pub(crate) fn tell(line: &str) {
        SAID.with_borrow_mut(|said| writeln!(said, "! {line}").unwrap());
    }

    /// What this thread has printed since it was asked last.
    pub(crate) fn said() -> String {
        String::from_utf8(SAID.take()).unwrap()
    }
}

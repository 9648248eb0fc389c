//! What a line is, whatever kind of failure it tells of.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern::regex;

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing special.
    Plain,
    /// It looks like an error.
    Suspect,
    /// A warning of a compiler, linker or tool.
    Warning,
    /// "warnings being treated as errors", of a compiler that prints the warnings afterwards.
    WarningsAreErrorsAhead,
    /// The same, of one that has printed them.
    WarningsAreErrors,
    /// Make's own `*** [target] Error 1`, with the status.
    Make(Option<u32>),
    /// What is said of every failure, after its cause.
    Consequence,
    /// Make's own `recipe for target 'a.o' failed`, which make before 4.3 says ahead of its error.
    Recipe,
    /// kflake's own line.
    Ours,
    /// The place in a kernel's code at which it crashed.
    Place,
}

/// `make[1]: *** [Makefile:12: a.o] Error 1`, in any language; behind another program's words too, where several write at once.
static MAKE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:(?:.*\s)?\\?(?:[\w./-]*make|ninja)(?:\[\d+\])?: |\]?: )\*\*\* \[.*\] ?(?:\p{L}[\p{L} ]*[: ]*(\d+)|\p{L}[\p{L} ]*)(?: \(.*\))?$",
    )
});

/// `Makefile:12: recipe for target 'a.o' failed`, in any language that was seen.
static RECIPE: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"recipe for target .* failed",
        r".*[»'] (?:failed|fehlgeschlagen|scheiterte|échouée?|a échouée?|не удалось|falhou|falló)",
        r"fallo en las instrucciones para el objetivo .*",
        r"ошибка выполнения рецепта для цели .*",
        r"对于目标.*的(?:命令|配方)失败",
        r"ターゲット .* のレシピで失敗しました",
    ];
    regex(&format!(r"^[^:]+:\d+: (?:{})$", parts.join("|")))
});

/// Words of consequence.
static CONSEQUENCE: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"^(?:[\w./-]*make|ninja)(?:\[\d+\])?: \*\*\* (?:Waiting for unfinished jobs|Deleting (?:intermediate )?file)",
        r"^(?:[\w./-]*make)(?:\[\d+\])?: (?:Target .* not remade because of errors|Entering directory|Leaving directory|Nothing to be done|\[.*\] Error \d+ \(ignored\)|INTERNAL: )",
        r"^(?:[\w./-]*collect2): (?:fatal )?error: ld returned \d+ exit status",
        r"\bcompilation terminated\.?$",
        r"\bfinal link failed\b",
        r"^\d+ (?:errors?|warnings?)(?: and \d+ (?:errors?|warnings?))? generated\.?$",
        r"^(?:[\w./-]*cc1(?:plus)?): some warnings being treated as errors",
        r"\(too many errors emitted|^fatal error: too many errors",
        r"linker command failed with exit code",
        r"Please submit a full bug report|^See <?(?:http|file)",
        r"^ninja: build stopped|^FAILED: ",
        r"^error: (?:build(?:er)? (?:for|of) .* failed|\d+ dependenc(?:y|ies) of |some (?:builds|outputs)|Cannot build )",
        r"^(?:Reason: |last \d+ log lines|For full logs, run|Output paths:|Last \d+ log lines)",
        r"^\*{0,3} ?(?:error|ERROR): .*(?:oe_runmake failed|Function failed: )|^ERROR: (?:Task .* failed|Logfile of failure|ExecutionError)",
        r"^(?:##\[error\])?(?:Error: )?Process completed with exit code",
        r"^error: command .* failed|^Command exited with|exited with (?:status|code) \d+\.?$",
        r"\(bad exit status: \d+\)$|^Failed command:|\bsubprocess returned (?:error )?exit status|^debuild: fatal error|^dh\S*: error: ",
        r"returned non-zero exit status|^E: Sub-process |^subprocess\.CalledProcessError|^Subprocess error",
        r"^ERROR: Job failed: |^Build step '.*' marked build as failure|returned a non-zero code: \d+$",
        r"^(?:=+> ?)?(?:error: |ERROR: )?(?:[Bb]uild(?:ing)?(?: the)? (?:kernel|modules?)|[Kk]ernel build|Failed (?:to )?(?:build(?:ing)?|mak(?:e|ing)|compil(?:e|ing)) (?:the )?(?:kernel|modules?)\b.*)(?: [Ff]ailed)?[.!]*$",
        r"^dpkg-buildpackage: error|^dpkg-buildpackage .* failed$|^error: Bad exit status from|^==> ERROR: A failure occurred",
        r"^BEGIN failed--compilation aborted",
        r"^(?:\S*/)?tar(?: \(child\))?: (?:Child returned status|Error is not recoverable|Exiting with failure status)",
        r"^FATAL ERROR: (?:Unable|Syntax error) (?:to )?pars(?:e|ing) input tree",
        r"^Error: failed to parse input",
        r"^Build error: |^(?:Error! +)?Bad return status|^Consult \S+ for more information|^ERROR \(dkms apport\)",
        r"^\s*Aborting\.*$",
        // OpenWrt, Gentoo, crosstool-NG
        r"^\s*ERROR: \S+ failed to build|: build failed\. Please re-run make|^Build failed - please re-run",
        r"^ *\* (?:ERROR: \S+ failed \(|.*\b(?:emake|econf|eautoreconf|eapply|die|make) failed)|^>> +(?:Build failed in step|Error happened in)",
        r"^error: could not compile |^error: aborting due to \d+ previous error|^error: aborting due to previous",
        r"unable to start build process$",
        // Bazel
        r"^ERROR: \S+/BUILD(?:\.bazel)?:\d+:\d+: .* failed: |^Target //\S+ failed to build|^(?:ERROR|FAILED): Build (?:failed|did NOT complete)|^ERROR: (?:package contains errors|Error evaluating '|Analysis of target )|^Use --\w+ to see (?:verbose|the)",
        // cargo, and Armbian
        r"^error: failed to run custom build command for |process didn't exit successfully: ",
        r"^\[ error \] ERROR in function ",
    ];
    regex(&parts.join("|"))
});

/// What looks like an error and is said by builds that end well.
static NOISE: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"^fatal: (?:not a git repository|No names found|No annotated tags|No tags can describe|detected dubious ownership)",
        r"^fatal: unsafe repository",
        // a command line, or a part of a script, that make shows
        r"^\s*(?:(?:echo|printf|test|if|set|cp|mv|rm|sed|exec|make -f)\s|\[ +[-!$\x22']).*",
        r"^[\w./-]*(?:gcc|clang|ld|as|ar)(?:-[\d.]+)? -.* -o \S+",
        r"\(ignored\)$",
        // what a test expects
        r"\(expected(?: failure)?\)",
        r"^\s*\d* ?\|",
        r"^(?:warning: )?(?:Git tree|the Git tree)",
        r"^(?:\./)?scripts/setlocalversion|^ld-version|^sed: couldn't flush",
        r"no(?:t)? (?:error|errors)\b|\b0 errors?\b|\bno errors?\b",
        r"[Ww]arning: (?:unable to download|error:)",
        // what a program does without, and how
        r"(?i)\b(?:not found|missing|failed|not available|not installed|no such|cannot|can't|could not|unable to)\b.*[,;:.] ?(?:using|falling back|skipping|skipped|ignoring|ignored|generating|creating|continuing|assuming|trying|retrying|disabling|will|won't)\b",
        r"^(?:ERROR: )?Traceback \(most recent call last\)|^(?:[^\s:]+:(?:\d+:)* )?note: |^(?:no|none)$",
        r"^make(?:\[\d+\])?: Circular .* dropped",
        r"\berror[-_]|[-_/.]error|[-_/]panic|panic[-_.]",
    ];
    regex(&parts.join("|"))
});

/// What make says of itself, its own directories and jobs.
static MAKES: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:[\w./-]*make|ninja)(?:\[\d+\])?: "));

static SUSPECT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b(?:fatal|errors?|failed|failure|cannot|can't|couldn't|could not|unable to|unknown|invalid|undefined|not found|no such|denied|missing|panic|aborted|aborting|not able to|must be (?:run |executed )?(?:as )?root|unrecogni[sz]ed|undeclared|unsupported|not supported|illegal|killed|segmentation fault|core dumped|assertion|traceback|exception|unexpected|refused|broken|corrupt(?:ed)?|too (?:old|large|big|long|many)|not in gzip format|required|mismatch|incompatible|panicked|rejected|unresolved|conflict(?:s|ing)?|does(?: not|n't) (?:exist|match)|not (?:installed|available|allowed|permitted|valid)|unfulfilled|unmet|insufficient|exceeded)\b|^[\w.]*[a-z](?:Error|Exception)(?::|$)",
    )
});

static WARNING: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^[^ ].*?:(?:\d+:)*\s*(?:[Ww]arning|WARNING)\b|^(?:[Ww]arning|WARNING)(?::| \()")
});

/// What of a crashed kernel's words names the function: `pc : func+0x10/0x20`.
static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?:\bPC is at|\bpc : |\bEIP is at|\b[RE]?IP: [0-9a-f]+:|\bEIP: |\bIP: \[<[0-9a-f]+>\]|\bepc ?: (?:\[<[0-9a-f]+>\] |[0-9a-f]+ )?|\bNIP \[[0-9a-f]+\]|\bPC: \[<[0-9a-f]+>\]|\bIP: |\bPC is|\bpc: |\bKrnl PSW.*\(|\bera ?: [0-9a-f]+ |\bTPC: <|\bPC: <)\s*(?:\[<[0-9a-f]+>\]\s*)?\(?([A-Za-z_][\w.$]*)(?:\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?|\b)",
    )
});

/// The function in a WARNING's own line: `at mm/slub.c:12 func+0x10/0x20`.
static AT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r" at \S+:\d+ (?:\[<[0-9a-f]+>\] )?([A-Za-z_][\w.$]*)(?:\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?|\(\))",
    )
});

impl Kind {
    /// What `line` is, which is spelled in one way.
    pub(super) fn of(line: &str) -> Kind {
        if line.starts_with("kflake: ") {
            return Kind::Ours;
        }
        if line.contains("***")
            && let Some(found) = MAKE.captures(line)
        {
            let status = found.get(1).and_then(|it| it.as_str().parse().ok());
            return Kind::Make(status);
        }
        if line.contains("treated as errors") && !line.contains("some warnings") {
            return match line.contains("all warnings") {
                true => Kind::WarningsAreErrors,
                false => Kind::WarningsAreErrorsAhead,
            };
        }
        if line.contains("treating warnings as errors") {
            return Kind::WarningsAreErrors;
        }
        if RECIPE.is_match(line) {
            return Kind::Recipe;
        }
        if CONSEQUENCE.is_match(line) {
            return Kind::Consequence;
        }
        if WARNING.is_match(line) {
            return Kind::Warning;
        }
        if place(line).is_some() {
            return Kind::Place;
        }
        if SUSPECT.is_match(line) && !NOISE.is_match(line) {
            return Kind::Suspect;
        }
        Kind::Plain
    }
}

/// What is said last before a kernel runs, by a boot loader or by what unpacks it.
static HANDED_OVER: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"^Starting kernel \.\.\.$",
        r"\b[Bb]ooting the kernel\.?(?: \(entry_offset: 0x[0-9a-f]+\)\.?)?$",
        r"^EFI stub: (?:Exiting boot services|Loaded initrd)",
        r"^Transferring control to Linux|^Jumping to (?:kernel|0x[0-9a-f]+)|^## Transferring control",
        r"^Loading (?:Linux|initial ramdisk) \S*(?: \S+)? ?\.\.\.$",
    ];
    regex(&parts.join("|"))
});

/// Whether nothing but a kernel that runs can say more.
pub(super) fn hands_over(line: &str) -> bool {
    HANDED_OVER.is_match(line)
}

/// A question of Kconfig's, without an answer: `Foo (FOO) [N/y/?] (NEW)`, `choice[1-3?]:`.
static QUESTION: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\S \[[^\[\]]*(?:/\?\](?: \(NEW\))?|\] \(NEW\))$|^choice\[[\d-]+\??\]:$")
});

/// Whether Kconfig waits for an answer here.
pub(super) fn asks(line: &str) -> bool {
    QUESTION.is_match(line.trim_end())
}

/// Whether a kernel waits for the device that holds its root.
pub(super) fn waits_for_root(line: &str) -> bool {
    line.contains("Waiting for root device ")
}

/// Whether it has a root by then.
pub(super) fn has_root(line: &str) -> bool {
    line.contains("Mounted root") || line.contains("Run /")
}

/// Whether a kernel runs, or what unpacks it.
pub(super) fn starts_kernel(line: &str) -> bool {
    let first = [
        "Linux version ",
        "Booting Linux",
        "Starting kernel ...",
        "Uncompressing Linux",
    ];
    first.iter().any(|first| line.starts_with(first))
}

/// What a compiler, linker or other tool says at its end, where it has told the cause before.
static OF_TOOL: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:[\w./+-]*-)?(?:cc1(?:plus)?|collect2|ld(?:\.\w+)?|clang(?:\+\+)?|tar)(?:-[\d.]+)?(?: \(child\))?: |compilation terminated|final link failed|errors? generated|too many errors|^BEGIN failed|parse input",
    )
});

/// How programs begin a message, unlike people: with a name or a place and a colon, or with the word itself.
static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)^(?:\S+: |\[|\*\*|!!|\S*error\b|\S*exception\b|fatal|fail|cannot|can't|could not|unable|no such|undefined|unknown|invalid|missing)",
    )
});

/// How a program says outright that it is an error.
static OUTRIGHT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^(?:\S+: )?(?:fatal |FATAL )?(?:error|ERROR|Error|FATAL|fatal)(?:\[E\d+\])?: ")
});

/// What a compiler says of an error's surroundings: where the beginning of a log is missing, it alone tells the place.
static NOTE: LazyLock<Regex> = LazyLock::new(|| regex(r"^[^\s:]+:\d+(?::\d+)?: note: "));

/// Whether a compiler says it of an error that it told before.
pub(super) fn is_note(line: &str) -> bool {
    NOTE.is_match(line)
}

/// Whether builds that end well say it too, however bad it looks.
pub(super) fn is_noise(line: &str) -> bool {
    NOISE.is_match(line)
}

/// Whether a tool that stopped says it, and not what runs it.
pub(super) fn is_tools(line: &str) -> bool {
    OF_TOOL.is_match(line)
}

/// Whether a test says that it has to fail in this way.
pub(super) fn is_expected(line: &str) -> bool {
    line.ends_with("(expected)") || line.ends_with("(expected failure)")
}

/// Whether it is put as programs put it, and not as people write.
pub(super) fn is_message(line: &str) -> bool {
    MESSAGE.is_match(line)
}

/// Whether it says outright that it is an error.
pub(super) fn is_outright(line: &str) -> bool {
    OUTRIGHT.is_match(line)
}

/// Whether it announces what is done next: `Cleaning build area...`.
pub(super) fn announces(line: &str) -> bool {
    line.ends_with("...") || line.ends_with('\u{2026}')
}

/// Whether make says it, of itself.
pub(super) fn is_makes(line: &str) -> bool {
    MAKES.is_match(line)
}

/// Whether it says no more than that there is an error.
pub(super) fn begins_message(line: &str) -> bool {
    let line = line.trim_end();
    ["error:", "Error:", "ERROR:"]
        .iter()
        .any(|it| line.ends_with(it))
}

/// The function that a crashed kernel names in this line.
pub(super) fn function(line: &str) -> Option<&str> {
    let at = AT.captures(line).and_then(|found| found.get(1));
    at.map(|it| it.as_str()).or_else(|| place(line))
}

/// The function at which a kernel crashed, in a line of its registers.
fn place(line: &str) -> Option<&str> {
    let name = PLACE.captures(line)?.get(1)?.as_str();
    // riscv names its registers in a row: `epc : 80007dfe ra : 80003360`
    (name != "ra").then_some(name)
}

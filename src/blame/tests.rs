use super::*;

#[test]
fn the_embedded_table_is_sound() {
    let catalog = Catalog::embedded().unwrap();
    let table = FailureTable::new(&catalog);
    for (id, class) in table.iter() {
        let told = [&class.title, &class.explanation, &class.source];
        assert!(told.iter().all(|text| text.len() > 5), "{id}");
        let by_name = [decide::KERNEL_COMPILE, decide::MODULE_COMPILE].contains(&id.as_str());
        assert!(
            !class.patterns.is_empty() || by_name,
            "{id} cannot be recognised"
        );
        let links = class.links.iter().map(|link| &link.constraint);
        for constraint in class.points_to.iter().chain(links) {
            assert!(
                catalog.constraints.contains_key(constraint),
                "{id} points to {constraint}, which is no constraint"
            );
        }
        for (place, signature) in class.signatures() {
            if let Err(error) = signature.compile() {
                panic!("{id}{place}: {error}");
            }
        }
    }
    for id in decide::known_by_name() {
        assert!(
            table.get(id).is_some(),
            "{id} is known by name, and is no class"
        );
    }
    let all = table.iter().flat_map(|(_, class)| class.signatures());
    Signature::compile_all(all.map(|(_, signature)| signature)).unwrap();
    assert!(!table.signatures().owners.is_empty());
}

#[test]
fn advice_is_for_the_stage_that_the_log_is_of() {
    let table = FailureTable::new(&Catalog::embedded().unwrap());
    let advice = |log: &str, stage| {
        let blame = table.read_text(log, stage);
        let class = table.get(blame.class.as_ref().unwrap().as_str()).unwrap();
        class.advice_for(blame.stage).unwrap().to_owned()
    };
    let header = "a.c:3:10: fatal error: foo.h: No such file or directory\n";
    let rule = "make[1]: *** No rule to make target 'foo.o'.  Stop.\n";
    let ours = "kflake: module: compile: make modules failed\n";
    for (log, word) in [(header, "ccflags-y"), (rule, "obj-m")] {
        assert!(advice(log, Some(Stage::Module)).contains(word));
        // kflake's own line says it
        assert!(advice(&format!("{log}{ours}"), None).contains(word));
        for stage in [None, Some(Stage::Kernel)] {
            assert!(!advice(log, stage).contains("module"), "{log}");
        }
    }
}

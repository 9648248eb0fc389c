use super::*;

#[test]
fn the_embedded_table_is_sound() {
    let catalog = Catalog::embedded().unwrap();
    let table = FailureTable::new(&catalog);
    for (id, class) in table.iter() {
        let told = [&class.title, &class.explanation, &class.source];
        assert!(told.iter().all(|text| text.len() > 5), "{id}");
        let by_name = ["kernel-compile", "module-compile"].contains(&id.as_str());
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
    let all = table.iter().flat_map(|(_, class)| class.signatures());
    Signature::compile_all(all.map(|(_, signature)| signature)).unwrap();
    assert!(!table.signatures().owners.is_empty());
}

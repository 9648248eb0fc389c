//! What make, the shells and the compilers say in other languages than English.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::pattern::regex;

/// Words of a program in another language, and in English. Of two that begin alike, the longer one counts.
const PHRASES: &[(&str, &str)] = &[
    // de
    ("schwerwiegender Fehler:", "fatal error:"),
    ("Schwerwiegender Fehler:", "fatal error:"),
    ("interner Compiler-Fehler:", "internal compiler error:"),
    ("Fehler:", "error:"),
    ("Warnung:", "warning:"),
    (
        "Datei oder Verzeichnis nicht gefunden",
        "No such file or directory",
    ),
    ("Kommando nicht gefunden", "command not found"),
    ("Befehl nicht gefunden", "command not found"),
    (
        "Auf dem Gerät ist kein Speicherplatz mehr verfügbar",
        "No space left on device",
    ),
    ("Keine Berechtigung", "Permission denied"),
    ("Getötet", "Killed"),
    ("Das Dateisystem ist nur lesbar", "Read-only file system"),
    (
        "Nicht genügend Hauptspeicher verfügbar",
        "Cannot allocate memory",
    ),
    ("Keine Regel, um", "No rule to make target"),
    (
        "Keine Regel vorhanden, um das Ziel",
        "No rule to make target",
    ),
    ("nicht definierter Verweis auf", "undefined reference to"),
    (
        "Warnungen werden als Fehler behandelt",
        "warnings being treated as errors",
    ),
    (
        "alle Warnungen werden als Fehler behandelt",
        "all warnings being treated as errors",
    ),
    (
        "Implizite Deklaration der Funktion",
        "implicit declaration of function",
    ),
    (
        "implizite Deklaration der Funktion",
        "implicit declaration of function",
    ),
    ("unbekannter Typname", "unknown type name"),
    (
        "zu viele Argumente für Funktion",
        "too many arguments to function",
    ),
    (
        "zu wenige Argumente für Funktion",
        "too few arguments to function",
    ),
    ("hat kein Element namens", "has no member named"),
    ("nicht deklariert", "undeclared"),
    ("inkompatibler Zeigertyp", "incompatible pointer type"),
    ("inkompatiblem Zeigertyp", "incompatible pointer type"),
    ("inkompatiblen Zeigertyp", "incompatible pointer type"),
    ("Zugriff verweigert", "Permission denied"),
    ("Speicherzugriffsfehler", "Segmentation fault"),
    ("Undefinierter Verweis auf", "undefined reference to"),
    ("mehrfache Definition von", "multiple definition of"),
    ("Mehrfachdefinition von", "multiple definition of"),
    ("in Konflikt stehende Typen für", "conflicting types for"),
    (
        "nicht erkannte Befehlszeilenoption",
        "unrecognized command line option",
    ),
    (
        "Unbekannte Kommandozeilenoption",
        "unrecognized command line option",
    ),
    // fr
    ("erreur fatale:", "fatal error:"),
    ("erreur fatale :", "fatal error:"),
    (
        "erreur interne du compilateur :",
        "internal compiler error:",
    ),
    ("erreur:", "error:"),
    ("erreur :", "error:"),
    ("avertissement:", "warning:"),
    ("attention :", "warning:"),
    (
        "Aucun fichier ou dossier de ce type",
        "No such file or directory",
    ),
    (
        "Aucun fichier ou dossier de ce nom",
        "No such file or directory",
    ),
    ("commande introuvable", "command not found"),
    (
        "Aucun espace disponible sur le périphérique",
        "No space left on device",
    ),
    ("Permission non accordée", "Permission denied"),
    ("Processus arrêté", "Killed"),
    (
        "Pas de règle pour fabriquer la cible",
        "No rule to make target",
    ),
    (
        "Aucune règle pour fabriquer la cible",
        "No rule to make target",
    ),
    ("référence indéfinie vers", "undefined reference to"),
    (
        "déclaration implicite de la fonction",
        "implicit declaration of function",
    ),
    (
        "trop d'arguments pour la fonction",
        "too many arguments to function",
    ),
    (
        "trop peu d'arguments pour la fonction",
        "too few arguments to function",
    ),
    ("n'a pas de membre nommé", "has no member named"),
    ("Erreur de segmentation", "Segmentation fault"),
    (
        "Système de fichiers accessible en lecture seulement",
        "Read-only file system",
    ),
    (
        "Impossible d'allouer de la mémoire",
        "Cannot allocate memory",
    ),
    ("définitions multiples de", "multiple definition of"),
    ("types conflictuels pour", "conflicting types for"),
    ("nom de type inconnu", "unknown type name"),
    (
        "option de ligne de commande non reconnue",
        "unrecognized command line option",
    ),
    // es
    ("error fatal:", "fatal error:"),
    ("error interno del compilador:", "internal compiler error:"),
    ("aviso:", "warning:"),
    ("advertencia:", "warning:"),
    (
        "No existe el fichero o el directorio",
        "No such file or directory",
    ),
    (
        "No existe el archivo o el directorio",
        "No such file or directory",
    ),
    ("no se encontró la orden", "command not found"),
    ("orden no encontrada", "command not found"),
    (
        "No queda espacio en el dispositivo",
        "No space left on device",
    ),
    ("Permiso denegado", "Permission denied"),
    (
        "No hay ninguna regla para construir el objetivo",
        "No rule to make target",
    ),
    ("sin definir", "undefined reference to"),
    ("referencia sin definir a", "undefined reference to"),
    (
        "declaración implícita de la función",
        "implicit declaration of function",
    ),
    (
        "demasiados argumentos para la función",
        "too many arguments to function",
    ),
    ("no tiene un miembro llamado", "has no member named"),
    ("Violación de segmento", "Segmentation fault"),
    ("Terminado (killed)", "Killed"),
    // pt
    ("erro fatal:", "fatal error:"),
    ("erro:", "error:"),
    (
        "Arquivo ou diretório inexistente",
        "No such file or directory",
    ),
    (
        "Arquivo ou diretório não encontrado",
        "No such file or directory",
    ),
    (
        "Ficheiro ou directoria inexistente",
        "No such file or directory",
    ),
    ("comando não encontrado", "command not found"),
    (
        "Não há espaço disponível no dispositivo",
        "No space left on device",
    ),
    ("Permissão negada", "Permission denied"),
    (
        "Não há regra para processar o alvo",
        "No rule to make target",
    ),
    ("Sem regra para processar o alvo", "No rule to make target"),
    ("referência não definida para", "undefined reference to"),
    (
        "declaração implícita da função",
        "implicit declaration of function",
    ),
    ("referência não definida a", "undefined reference to"),
    (
        "argumentos a mais para a função",
        "too many arguments to function",
    ),
    ("não possui um membro chamado", "has no member named"),
    ("não tem um membro chamado", "has no member named"),
    // it
    ("errore fatale:", "fatal error:"),
    ("errore irreversibile:", "fatal error:"),
    ("errore:", "error:"),
    ("attenzione:", "warning:"),
    (
        "File o directory non esistente",
        "No such file or directory",
    ),
    ("comando non trovato", "command not found"),
    ("Spazio esaurito sul device", "No space left on device"),
    ("Permesso negato", "Permission denied"),
    (
        "Nessuna regola per generare l'obiettivo",
        "No rule to make target",
    ),
    ("riferimento non definito a", "undefined reference to"),
    (
        "dichiarazione implicita della funzione",
        "implicit declaration of function",
    ),
    ("non ha un membro chiamato", "has no member named"),
    ("avvertimento:", "warning:"),
    // nl
    ("fatale fout:", "fatal error:"),
    ("fout:", "error:"),
    ("waarschuwing:", "warning:"),
    ("Bestand of map bestaat niet", "No such file or directory"),
    ("opdracht niet gevonden", "command not found"),
    ("Geen regel om doel", "No rule to make target"),
    // sv
    ("ödesdigert fel:", "fatal error:"),
    ("fel:", "error:"),
    ("varning:", "warning:"),
    (
        "Filen eller katalogen finns inte",
        "No such file or directory",
    ),
    ("kommandot finns inte", "command not found"),
    ("Ingen regel för att skapa målet", "No rule to make target"),
    // pl
    ("błąd krytyczny:", "fatal error:"),
    ("błąd:", "error:"),
    ("ostrzeżenie:", "warning:"),
    (
        "Nie ma takiego pliku ani katalogu",
        "No such file or directory",
    ),
    ("nie znaleziono polecenia", "command not found"),
    ("Brak miejsca na urządzeniu", "No space left on device"),
    ("Brak reguł do wykonania obiektu", "No rule to make target"),
    ("niezdefiniowane odwołanie do", "undefined reference to"),
    ("Odmowa dostępu", "Permission denied"),
    ("Brak dostępu", "Permission denied"),
    (
        "niejawna deklaracja funkcji",
        "implicit declaration of function",
    ),
    // cs
    (
        "Adresář nebo soubor neexistuje",
        "No such file or directory",
    ),
    ("příkaz nenalezen", "command not found"),
    (
        "Žádné pravidlo pro vytvoření cíle",
        "No rule to make target",
    ),
    ("chyba:", "error:"),
    ("kritická chyba:", "fatal error:"),
    ("závažná chyba:", "fatal error:"),
    ("varování:", "warning:"),
    ("nedefinovaný odkaz na", "undefined reference to"),
    // tr
    ("ölümcül hata:", "fatal error:"),
    ("hata:", "error:"),
    (
        "Böyle bir dosya ya da dizin yok",
        "No such file or directory",
    ),
    ("komut yok", "command not found"),
    ("uyarı:", "warning:"),
    ("Erişim engellendi", "Permission denied"),
    // ru
    ("фатальная ошибка:", "fatal error:"),
    ("критическая ошибка:", "fatal error:"),
    ("внутренняя ошибка компилятора:", "internal compiler error:"),
    ("ошибка:", "error:"),
    ("предупреждение:", "warning:"),
    ("Нет такого файла или каталога", "No such file or directory"),
    ("команда не найдена", "command not found"),
    (
        "На устройстве не осталось свободного места",
        "No space left on device",
    ),
    ("Отказано в доступе", "Permission denied"),
    ("Убито", "Killed"),
    ("Нет правила для сборки цели", "No rule to make target"),
    ("неопределённая ссылка на", "undefined reference to"),
    ("неопределенная ссылка на", "undefined reference to"),
    (
        "неявная декларация функции",
        "implicit declaration of function",
    ),
    ("Ошибка сегментирования", "Segmentation fault"),
    (
        "Файловая система доступна только для чтения",
        "Read-only file system",
    ),
    ("Невозможно выделить память", "Cannot allocate memory"),
    ("множественное определение", "multiple definition of"),
    ("неизвестное имя типа", "unknown type name"),
    ("не содержит элемента с именем", "has no member named"),
    ("не имеет элемента с именем", "has no member named"),
    (
        "слишком мало аргументов в вызове функции",
        "too few arguments to function",
    ),
    (
        "слишком много аргументов в вызове функции",
        "too many arguments to function",
    ),
    (
        "неявное объявление функции",
        "implicit declaration of function",
    ),
    (
        "нераспознанный параметр командной строки",
        "unrecognized command line option",
    ),
    // uk
    ("помилка:", "error:"),
    (
        "Немає такого файла або каталогу",
        "No such file or directory",
    ),
    // zh
    ("致命错误:", "fatal error:"),
    ("编译器内部错误:", "internal compiler error:"),
    ("错误:", "error:"),
    ("警告:", "warning:"),
    ("没有那个文件或目录", "No such file or directory"),
    ("未找到命令", "command not found"),
    ("设备上没有空间", "No space left on device"),
    ("权限不够", "Permission denied"),
    ("已杀死", "Killed"),
    ("没有规则可制作目标", "No rule to make target "),
    ("没有规则可以创建目标", "No rule to make target "),
    ("未定义的引用", " undefined reference to it"),
    ("隐式声明函数", "implicit declaration of function "),
    ("致命錯誤:", "fatal error:"),
    ("錯誤:", "error:"),
    ("沒有此一檔案或目錄", "No such file or directory"),
    ("指令找不到", "command not found"),
    ("段错误", "Segmentation fault"),
    ("只读文件系统", "Read-only file system"),
    ("无法分配内存", "Cannot allocate memory"),
    ("不能分配内存", "Cannot allocate memory"),
    ("未知类型名", "unknown type name"),
    ("多重定义", "multiple definition of "),
    ("提供给函数的实参太少", "too few arguments to function "),
    ("提供给函数的实参太多", "too many arguments to function "),
    ("没有名为", "has no member named "),
    ("找不到命令", "command not found"),
    ("没有规则可以生成目标", "No rule to make target "),
    // ja
    ("致命的エラー:", "fatal error:"),
    ("エラー:", "error:"),
    (
        "そのようなファイルやディレクトリはありません",
        "No such file or directory",
    ),
    ("コマンドが見つかりません", "command not found"),
    ("デバイスに空き領域がありません", "No space left on device"),
    ("許可がありません", "Permission denied"),
    ("強制終了", "Killed"),
    (
        "に対する定義されていない参照です",
        " undefined reference to it",
    ),
    ("を make するルールがありません", "No rule to make target"),
    ("関数の暗黙的な宣言です", "implicit declaration of function"),
    ("メモリを確保できません", "Cannot allocate memory"),
    ("読み込み専用ファイルシステムです", "Read-only file system"),
    ("複数回定義されています", "multiple definition of it"),
    // ko
    ("심각한 오류:", "fatal error:"),
    ("오류:", "error:"),
    (
        "그런 파일이나 디렉터리가 없습니다",
        "No such file or directory",
    ),
    ("명령어를 찾을 수 없음", "command not found"),
    ("명령을 찾을 수 없습니다", "command not found"),
];

static ENGLISH: LazyLock<BTreeMap<&str, &str>> =
    LazyLock::new(|| PHRASES.iter().copied().collect());

static ANY: LazyLock<Regex> = LazyLock::new(|| {
    let mut phrases: Vec<&str> = PHRASES.iter().map(|(phrase, _)| *phrase).collect();
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    let phrases: Vec<String> = phrases.into_iter().map(regex::escape).collect();
    regex(&phrases.join("|"))
});

/// `text` with the phrases that are known in English.
pub(super) fn in_english(text: Cow<'_, str>) -> Cow<'_, str> {
    if !ANY.is_match(&text) {
        return text;
    }
    let english = ANY.replace_all(&text, |found: &regex::Captures<'_>| {
        let phrase = found.get(0).map_or("", |it| it.as_str());
        ENGLISH.get(phrase).copied().unwrap_or_default()
    });
    Cow::Owned(english.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_phrase_counts() {
        let english = |text: &str| in_english(Cow::Borrowed(text)).into_owned();
        assert_eq!(
            english("a.c:1: schwerwiegender Fehler: x"),
            "a.c:1: fatal error: x"
        );
        assert_eq!(english("a.c:1: Fehler: x"), "a.c:1: error: x");
        assert_eq!(english("nothing of the kind"), "nothing of the kind");
    }
}

//! Languages, and honest `und`.

use crate::text::LanguageDetector;

#[test]
fn detects() {
    let detector = LanguageDetector::new();
    for (text, code) in [
        ("My order has not arrived yet and nobody answers.", "en"),
        ("Meine Bestellung ist immer noch nicht da.", "de"),
        ("Ma commande n'est toujours pas arrivée.", "fr"),
        ("Mi pedido todavía no ha llegado.", "es"),
        ("Il mio ordine non è ancora arrivato.", "it"),
        ("O meu pedido ainda não chegou.", "pt"),
        ("Mijn bestelling is nog steeds niet aangekomen.", "nl"),
        ("Min beställning har fortfarande inte kommit.", "sv"),
        ("Moje zamówienie nadal nie dotarło, proszę o pomoc.", "pl"),
        ("Siparişim hâlâ gelmedi, lütfen yardım edin.", "tr"),
        ("Đơn hàng của tôi vẫn chưa đến, vui lòng giúp tôi.", "vi"),
        ("Moje objednávka ještě nedorazila, prosím o pomoc.", "cs"),
        ("Min bestilling er stadig ikke kommet, hvad gør jeg nu?", "da"),
        ("A rendelésem még nem érkezett meg, kérem segítsenek.", "hu"),
        ("Мой заказ ещё не пришёл.", "ru"),
        ("Моє замовлення ще не прийшло.", "uk"),
        ("Η παραγγελία μου δεν έχει φτάσει.", "el"),
        ("ההזמנה שלי עדיין לא הגיעה", "he"),
        ("لم يصل طلبي بعد", "ar"),
        ("سفارش من هنوز نرسیده است، چرا؟", "fa"),
        ("मेरा ऑर्डर अभी तक नहीं आया", "hi"),
        ("我的订单还没有到", "zh"),
        ("注文がまだ届きません", "ja"),
        ("주문이 아직 도착하지 않았어요", "ko"),
        ("ออเดอร์ของฉันยังไม่มา", "th"),
        ("@shop #fail https://x.example/a/b die App geht nicht 😡 4711", "de"),
        ("thanks!", "en"),
        ("danke", "de"),
        ("merci beaucoup", "fr"),
        ("THANK YOU SO MUCH", "en"),
    ] {
        let found = detector.detect(text, None);
        assert_eq!(found.code, code, "{text} {found:?}");
        assert!(found.confidence >= 0.6 && found.confidence <= 1.0);
    }
}

#[test]
fn is_honest_about_nothing() {
    let detector = LanguageDetector::new();
    for text in [
        "",
        " \n",
        "No.",
        "a b c",
        "4711",
        "😡😡😡",
        "?!",
        "https://example.org/die/und/das",
        "@shop",
        "ok",
        "OK 👍",
        "iPhone 15",
        "asdf",
        "Bauer",
        "x",
        "a@b.example",
        "+49 30 123456",
        "zxcv qwer tyui opgh",
    ] {
        let found = detector.detect(text, None);
        assert_eq!((found.code.as_str(), found.confidence), ("und", 0.0), "{text}");
    }
}

#[test]
fn hints_decide_only_where_the_text_does_not() {
    let detector = LanguageDetector::new();
    for (text, hint, code) in [
        ("ok", Some("de-AT"), "de"),
        ("ok", Some("PT_br"), "pt"),
        ("4711", Some("nl"), "nl"),
        ("ok", Some("und"), "und"),
        ("ok", Some("deutsch!"), "und"),
        ("ok", Some(""), "und"),
        ("My order has not arrived yet.", Some("de"), "en"),
    ] {
        assert_eq!(detector.detect(text, hint).code, code, "{text} {hint:?}");
    }
    assert!(detector.detect("ok", Some("de")).confidence < 1e-6);
}

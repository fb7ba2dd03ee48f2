//! Mails in the shapes that real programs give them: what stays, and what goes.

use super::mail;

/// (mail, what stays)
const QUOTES: &[(&str, &str)] = &[
    // Gmail
    (
        "It still does not work.\n\nOn Mon, May 4, 2026 at 10:02 AM Shop Support <help@shop.example> wrote:\n\n> Hello Jane,\n> please restart it.\n>\n> Shop",
        "It still does not work.",
    ),
    // Gmail, attribution wrapped
    (
        "No news yet.\r\n\r\nOn Mon, May 4, 2026 at 10:02 AM Shop Support Department of Returns\r\n<help@shop.example> wrote:\r\n\r\n> Hello",
        "No news yet.",
    ),
    // Apple Mail, German
    (
        "Das Paket fehlt immer noch.\n\n> Am 04.05.2026 um 10:02 schrieb Shop <help@shop.example>:\n> \n> Guten Tag,",
        "Das Paket fehlt immer noch.",
    ),
    (
        "Das Paket fehlt immer noch.\n\nAm 04.05.2026 um 10:02 schrieb Shop <help@shop.example>:\n\n> Guten Tag,",
        "Das Paket fehlt immer noch.",
    ),
    (
        "Danke, hat geklappt!\n\nMax Shop <help@shop.example> schrieb am Mo., 4. Mai 2026, 10:02:\n\n> Guten Tag",
        "Danke, hat geklappt!",
    ),
    (
        "Toujours rien reçu.\n\nLe lun. 4 mai 2026 à 10:02, Boutique <aide@shop.example> a écrit :\n\n> Bonjour",
        "Toujours rien reçu.",
    ),
    (
        "Sigo esperando.\n\nEl lun, 4 may 2026 a las 10:02, Tienda (<ayuda@shop.example>) escribió:\n\n> Hola",
        "Sigo esperando.",
    ),
    (
        "Ancora niente.\n\nIl giorno lun 4 mag 2026 alle ore 10:02 Negozio <aiuto@shop.example> ha scritto:\n\n> Salve",
        "Ancora niente.",
    ),
    ("Ainda nada.\n\nEm seg., 4 de mai. de 2026 às 10:02, Loja <ajuda@shop.example> escreveu:\n\n> Olá", "Ainda nada."),
    (
        "Nog steeds niets.\n\nOp ma 4 mei 2026 om 10:02 schreef Winkel <help@shop.example>:\n\n> Hallo",
        "Nog steeds niets.",
    ),
    // No angle brackets below, but made by a machine
    (
        "Still waiting.\n\nOn 4 May 2026, at 10:02, Shop <help@shop.example> wrote:\n\nHello Jane,\nwe are on it.",
        "Still waiting.",
    ),
    // Outlook
    (
        "It is the wrong size.\n\n-----Original Message-----\nFrom: Shop\nSent: Monday\nSubject: Your order\n\nHello",
        "It is the wrong size.",
    ),
    ("Falsche Größe.\n\n-----Ursprüngliche Nachricht-----\nVon: Shop\nBetreff: Bestellung\n\nHallo", "Falsche Größe."),
    (
        "It is the wrong size.\n\n________________________________\nFrom: Shop <help@shop.example>\nSent: Monday, May 4, 2026 10:02 AM\nTo: Jane <jane@example.org>\nSubject: RE: Order\n\nHello",
        "It is the wrong size.",
    ),
    (
        "Falsche Größe.\n\nVon: Shop <help@shop.example>\nGesendet: Montag, 4. Mai 2026 10:02\nAn: Jane <jane@example.org>\nBetreff: AW: Bestellung\n\nHallo",
        "Falsche Größe.",
    ),
    (
        "Mauvaise taille.\n\nDe : Boutique <aide@shop.example>\nEnvoyé : lundi 4 mai 2026 10:02\nÀ : Jeanne <j@example.org>\nObjet : RE: Commande\n\nBonjour",
        "Mauvaise taille.",
    ),
    (
        "Talla equivocada.\n\nDe: Tienda <ayuda@shop.example>\nEnviado el: lunes, 4 de mayo de 2026 10:02\nPara: Juana <j@example.org>\nAsunto: RE: Pedido\n\nHola",
        "Talla equivocada.",
    ),
    (
        "Taglia sbagliata.\n\nDa: Negozio <aiuto@shop.example>\nInviato: lunedì 4 maggio 2026 10:02\nA: Gianna <j@example.org>\nOggetto: R: Ordine\n\nSalve",
        "Taglia sbagliata.",
    ),
    (
        "Tamanho errado.\n\nDe: Loja <ajuda@shop.example>\nEnviada em: segunda-feira, 4 de maio de 2026 10:02\nPara: Joana <j@example.org>\nAssunto: RES: Pedido\n\nOlá",
        "Tamanho errado.",
    ),
    (
        "Verkeerde maat.\n\nVan: Winkel <help@shop.example>\nVerzonden: maandag 4 mei 2026 10:02\nAan: Jana <j@example.org>\nOnderwerp: RE: Bestelling\n\nHallo",
        "Verkeerde maat.",
    ),
    (
        "It is bold too.\n\n*From:* Shop <help@shop.example>\n*Sent:* Monday\n*To:* Jane\n*Subject:* Order\n\nHello",
        "It is bold too.",
    ),
    // Ticket systems
    (
        "Thank you, that worked.\n\n##- Please type your reply above this line -##\n\nYour request (17) has been updated.",
        "Thank you, that worked.",
    ),
    // Inline answers stay, between what they answer
    ("> What is the number?\n\n4711\n\n> And the size?\n\nXL, as I said.", "4711\n\nXL, as I said."),
    (
        "On Mon, 4 May 2026 at 10:02, Shop <help@shop.example> wrote:\n> What is the number?\n4711\n> Size?\nXL",
        "4711\n\nXL",
    ),
    // Bottom posting
    (
        "On Mon, 4 May 2026 at 10:02, Shop <help@shop.example> wrote:\n> Is it fixed?\n\nNo, it is not.",
        "No, it is not.",
    ),
    ("Deep history.\n\n>> older\n> new\n>>> oldest", "Deep history."),
    // No colon, no address, one line for all
    ("Geld zurück bitte!\n\nAm 06.01.26 um 09:12 schrieb help@shop.example\n\n> Hallo", "Geld zurück bitte!"),
    ("Neen.\n\nOp 6 jan. 2026 om 09:12 heeft Winkel <help@shop.example> het volgende geschreven:\n\n> Hallo", "Neen."),
    ("Não.\n\nEm ter., 6 de jan. de 2026, 09:12, Loja escreveu:\n\nOlá Joana", "Não."),
    (
        "Waiting.\n\n-------- Original message --------From: Shop <a@b.c> Date: 06/01/2026 09:12 (GMT+00:00) To: j@x.org Subject: Help",
        "Waiting.",
    ),
    (
        "Danke\n\nGesendet: Dienstag, 06. Januar 2026 um 09:12 Uhr\nVon: \"Shop\" <a@b.c>\nAn: j@x.org\nBetreff: Hilfe\nHallo",
        "Danke",
    ),
    ("Grazie a tutti.\n\n> Da: Negozio <a@b.c>\n> Oggetto: Ordine\n> Salve", "Grazie a tutti."),
    // No date
    (
        "No idea, will look.\n\nOn Wed, Streamhollow wrote:\n> Please restart your device.\n> Your case stays open.",
        "No idea, will look.",
    ),
    // A company's words, cited alone below one's own
    ("I asked for a person.\n\nGus\n\n> Get EXCITED, Gus! Only 5 days until Crete!", "I asked for a person.\n\nGus"),
    ("All sorted.\n\n-----\n> old\n> words", "All sorted."),
    // A forward with a story of one's own
    (
        "Hello, please look at the mail below, you charged me twice and nobody answers the phone.\n\n---------- Forwarded message ---------\nFrom: Shop <help@shop.example>\nSubject: Invoice\n\nAmount due",
        "Hello, please look at the mail below, you charged me twice and nobody answers the phone.",
    ),
];

/// Mails of which nothing may go.
const KEPT: &[&str] = &[
    "Hello,\nmy kettle leaks.\nJane",
    "> 3 days and no answer\nThis is not acceptable.",
    ">:( I am so angry\n>:( really",
    ">3 weeks late\n>2 calls",
    "On Monday your agent wrote: nothing at all.",
    "On 3 May your colleague wrote:\n\nwe refund you. I have not seen a cent since then.",
    "On Twitter somebody wrote:\nthe same thing happened to me.",
    "From: Berlin\nTo: Paris\nDate: 4 May 2026\nPlease change it to 5 May.",
    "Von: Köln\nAn: Bonn\nDatum: 4.5.\nDer Zug fiel aus.",
    "Subject: complaint\nI want my money back.",
    "Two things:\n---\n1. late\n2. broken",
    "Below the line\n-----\nis the rest of my message, order 4711.",
    // Only a forward, only a quote
    "---------- Forwarded message ---------\nFrom: Shop <help@shop.example>\nDate: Mon, 4 May 2026\nSubject: Invoice\n\nAmount due: 99 EUR",
    "Begin forwarded message:\n\nFrom: Shop <help@shop.example>\nSubject: Invoice\n\nAmount due",
    "See below please.\n\n---------- Forwarded message ---------\nFrom: Shop <help@shop.example>\nSubject: Invoice\n\nAmount due: 99 EUR",
    "> all\n> of it\n> quoted",
    "On Mon, 4 May 2026 at 10:02, Shop <help@shop.example> wrote:\n> quoted",
    "From: Shop <help@shop.example>\nSent: Monday\nTo: Jane\nSubject: Order\n\nThe copy is all there is.",
    // Answers inside the copy
    "Please see my answers below in red.\n\nFrom: Shop <help@shop.example>\nSent: Monday\nTo: Jane\nSubject: Order\n\nWhat is the number? 4711",
    "Meine Antworten siehe unten im Text.\n\n-----Ursprüngliche Nachricht-----\nVon: Shop\n\nWie lautet die Nummer? 4711",
    // Signature-like, but the matter is in it
    "Kind regards are all I ever get.\nWhere is my refund?",
    "Regards\nPlease answer before Friday.",
    "Thanks\nOrder 12345 is still missing",
    "Thanks for nothing.\nJane",
    "Hello\n--\nthis is urgent\nplease call me",
    "Hello\n--\nWhy does nobody answer?",
    "Best\nquality I ever had, but the colour is wrong.",
    "Sent from my account and it never arrived",
    "Sent from my iPhone I could not log in, from the laptop I can.",
    "The wheel is loose.\n\nRegards\nUlla\nCustomer no. 118-20-7",
    "> what I wanted to say\nwas this: it is late.",
    "I got this:\n\n> Dear customer, we are sorry.\n\nYou will be.",
    "Gesendet: Dienstag, 06. Januar 2026 um 09:12 Uhr\nVon: \"Shop\" <a@b.c>\nAn: j@x.org\nBetreff: Hilfe\nHallo",
    "Dear team\nOn 3 January at 10:30 your driver wrote:\nnot at home. I was at home.\nPlease redeliver.",
    "My details:\nFrom: jane@x.org\nDate: 3 May\nSubject: warranty\nIt broke.",
    "Hi\nMy order:\n> Lamp\n> Chair\nboth came broken",
    "Cheers\nstill no answer from anybody at your place",
    "MfG\nPS: die Kaffeemaschine ist auch kaputt",
    "Saludos\n¿Cuándo llega?",
    "Sent from my iPhone",
    "--\nJane",
    "Kind regards\nJane",
];

/// (mail, what stays)
const SIGNATURES: &[(&str, &str)] = &[
    (
        "The app crashes.\n\n-- \nJane Doe\nHead of Sales, Example GmbH\nTel. +49 30 123456\nhttps://example.org/?a=b",
        "The app crashes.",
    ),
    ("The app crashes.\n--\nJane", "The app crashes."),
    ("The app crashes.\n\nSent from my iPhone", "The app crashes."),
    ("The app crashes.\n\nSent from my Samsung Galaxy smartphone.", "The app crashes."),
    ("The app crashes.\n\nSent from Outlook for iOS", "The app crashes."),
    ("The app crashes.\n\nSent from Mail for Windows", "The app crashes."),
    ("The app crashes.\n\nSent from Yahoo Mail on Android", "The app crashes."),
    ("The app crashes.\n\nGet Outlook for Android<https://aka.ms/x>", "The app crashes."),
    ("Die App stürzt ab.\n\nVon meinem iPhone gesendet", "Die App stürzt ab."),
    ("Die App stürzt ab.\n\nVon meinem Samsung Galaxy Smartphone gesendet.", "Die App stürzt ab."),
    ("Die App stürzt ab.\n\nGesendet mit der GMX Mail App", "Die App stürzt ab."),
    ("Die App stürzt ab.\n\nOutlook für iOS beziehen<https://aka.ms/x>", "Die App stürzt ab."),
    ("L'appli plante.\n\nEnvoyé de mon iPhone", "L'appli plante."),
    ("L'appli plante.\n\nEnvoyé depuis mon mobile", "L'appli plante."),
    ("La app falla.\n\nEnviado desde mi iPhone", "La app falla."),
    ("L'app si blocca.\n\nInviato da iPhone", "L'app si blocca."),
    ("A app trava.\n\nEnviado do meu iPhone", "A app trava."),
    ("De app crasht.\n\nVerstuurd vanaf mijn iPhone", "De app crasht."),
    ("The app crashes.\n\nKind regards,\nJane Doe\n+44 20 7946 0000\njane@example.org", "The app crashes."),
    ("The app crashes.\n\nBest wishes\njane", "The app crashes."),
    ("The app crashes.\n\nKind regards", "The app crashes."),
    ("Die App stürzt ab.\n\nMit freundlichen Grüßen\n\nJana Muster\nMuster GmbH", "Die App stürzt ab."),
    ("Die App stürzt ab.\nLG Jana", "Die App stürzt ab.\nLG Jana"),
    ("L'appli plante.\n\nCordialement,\nJeanne Dupont", "L'appli plante."),
    ("La app falla.\n\nUn saludo,\nJuana Pérez", "La app falla."),
    ("L'app si blocca.\n\nCordiali saluti\nGianna Rossi", "L'app si blocca."),
    ("A app trava.\n\nAtenciosamente,\nJoana Silva", "A app trava."),
    ("De app crasht.\n\nMet vriendelijke groet,\nJana de Vries", "De app crasht."),
    // Thanks are feelings: the word stays, the name goes
    ("The app crashes.\n\nThanks,\nJane Doe", "The app crashes.\n\nThanks,"),
    ("Die App stürzt ab.\n\nVielen Dank und viele Grüße\nJana", "Die App stürzt ab.\n\nVielen Dank und viele Grüße"),
    ("The app crashes.\n\nMany thanks\nBest regards\nJane", "The app crashes.\n\nMany thanks"),
    ("The app crashes.\n\nKind regards\nJane\n\nSent from my iPad", "The app crashes."),
];

#[test]
fn quoted_history_goes() {
    for (text, body) in QUOTES {
        let result = mail(text);
        assert_eq!(result.body, *body, "{text}");
        assert!(result.quoted_removed, "{text}");
    }
}

#[test]
fn doubtful_text_stays() {
    for text in KEPT {
        let result = mail(text);
        assert_eq!(result.body, *text, "{text}");
        assert!(!result.quoted_removed && !result.signature_removed, "{text}");
    }
}

#[test]
fn signatures_go() {
    for (text, body) in SIGNATURES {
        let result = mail(text);
        assert_eq!(result.body, *body, "{text}");
        assert_eq!(result.signature_removed, text != body, "{text}");
        assert!(!result.quoted_removed);
    }
}

#[test]
fn signature_above_the_quote_goes_too() {
    let text = "Still broken.\n\nKind regards\nJane\n\nSent from my iPhone\n\n> On 4 May 2026, at 10:02, Shop <a@b.c> wrote:\n> \n> Hello\n> -- \n> Shop";
    let result = mail(text);
    assert_eq!(result.body, "Still broken.");
    assert!(result.quoted_removed && result.signature_removed);
}

//! Frequent words by language, lower case: function words, greetings and the words customers use.
//! Words that several languages share stand in each of them.

/// Language codes with their words. The first seven are those the shipped model knows best; the rest
/// are here so that they are not taken for one of the seven.
pub(super) const WORDS: [(&str, &str); 23] = [
    (
        "en",
        "no dear the and you your yours that this these those was were are is am i i'm i've i'd you're it's its isn't don't doesn't didn't can't won't wasn't what when where why who which how have has had been being will would could should can of to for with from they them their there he she we our us my mine me it not but or if so as at by an on in out about just now still any some get got than then been here very too please thanks thank hello hi hey help sorry yes order delivery refund account need want never always because after before again after still cant dont wont im ive does did do really back only over even more all no one",
    ),
    (
        "de",
        "der die das und ist nicht ich sie wir ihr ihnen ihre ihren ihrer mein meine meinen meiner mit für auf ein eine einen einer einem auch noch wie wenn aber oder dass daß dem den des bei von zu zum zur habe haben hat hatte hätte bin sind war waren wird werden wurde worden kann können könnte muss mein es im am um aus nach über schon sehr nur mir mich dir dich uns euch doch jetzt heute mehr kein keine keinen was wer wo warum wann bitte danke hallo hilfe guten tag bestellung lieferung rechnung konto leider immer wieder seit vor vielen dank gerne ja nein nichts weil also dann mal einfach beim vom ihm ihn er man so als da hier alles geht",
    ),
    (
        "fr",
        "le la les des un une et est pas je vous nous ne que qui dans pour sur avec ce cette ces mon ma mes votre vos notre nos au aux du de en il elle ils elles on sont suis êtes avez avons ont été être avoir fait plus très mais ou où comme si quand toujours jamais encore depuis bonjour bonsoir merci svp aide commande livraison compte remboursement c'est j'ai n'est d'un d'une qu'il leur même tout tous toute rien bien alors car sans chez après avant par ça cela me te se moi toi lui y j c n s l d qu oui non déjà peut peux faire salut",
    ),
    (
        "es",
        "el la los las un una unos y es no que de en por para con mi mis su sus tu tus lo le les se me te nos pero como más muy está están estoy estaba son soy era fue ha han he hemos hay ser hacer este esta esto estos estas ese esa eso cuando donde porque qué cómo cuándo dónde si sí ya también todo todos nada nunca siempre hola gracias ayuda pedido cuenta reembolso entrega buenos días buenas tardes por favor desde hasta sin sobre al del ni yo usted ustedes ahora puedo puede tengo tiene quiero quiere sigo sigue le o sólo solo bien",
    ),
    (
        "it",
        "no il lo la gli le i un una uno e è non che di in per con su da del della dei delle degli dal dalla al alla ai alle nel nella sul sulla mi ti si ci vi mio mia miei mie suo sua tuo vostro vostra nostro ma se come più molto anche sono sei siamo siete era ho hai ha abbiamo avete hanno essere stato stata fatto fare questo questa questi queste quello quando dove perché cosa chi quale già ancora sempre mai ciao buongiorno buonasera salve grazie aiuto ordine consegna rimborso conto prego scusate vorrei posso può ora oggi tutto tutti niente solo senza dopo prima cui io lei voi",
    ),
    (
        "pt",
        "o a os as um uma e é não que de em por para com meu minha meus minhas seu sua seus suas lhe se me te nos mas como mais muito está estão estou estava são sou era foi tem têm tenho temos há ser fazer este esta isto isso esse essa aquele quando onde porque quê já também tudo todos nada nunca sempre olá oi obrigado obrigada ajuda pedido conta reembolso entrega bom dia boa tarde favor desde até sem sobre ao aos do da dos das no na nos nas pelo pela eu você vocês ele ela agora posso pode quero ou só bem ainda vou vai ter pra pro num numa nem sim",
    ),
    (
        "nl",
        "de het een en is niet ik je jij u uw wij we jullie zij ze mijn jouw onze ons dat dit die deze van voor met op aan in te er maar of als ook nog wel naar bij om uit over door dan wat wie waar waarom wanneer hoe hebben heb heeft had zijn ben was waren wordt worden werd kan kunnen moet moeten wil willen zal geen meer heel erg al nu graag bedankt dank hallo hoi goedemorgen goedemiddag hulp bestelling levering rekening terugbetaling alstublieft aub sinds nooit altijd weer iets niets hier daar mij me hem haar hun want dus zo na tot niks",
    ),
    (
        "sv",
        "och att det är som en på för av inte jag du vi ni han hon de den med till har hade var kan ska skulle men om eller från mig dig oss min mitt mina din ditt er era ert hur när var varför vad vem här där nu bara mycket alla inga inget ingen tack hej hjälp beställning leverans konto snälla sedan aldrig alltid igen också så fått får",
    ),
    (
        "da",
        "og at det er som en på for af ikke jeg du vi han hun de den med til har havde var kan skal skulle men om eller fra mig dig os min mit mine din dit jeres hvordan hvornår hvor hvorfor hvad hvem her der nu kun meget alle ingen intet tak hej hjælp bestilling levering konto venligst siden aldrig altid igen også så fået får",
    ),
    (
        "no",
        "og at det er som en på for av ikke jeg du vi han hun de den med til har hadde var kan skal skulle men om eller fra meg deg oss min mitt mine din ditt deres hvordan når hvor hvorfor hva hvem her der nå bare veldig alle ingen ingenting takk hei hjelp bestilling levering konto vennligst siden aldri alltid igjen også så fått får",
    ),
    (
        "fi",
        "ja on ei että en olen olet oli ovat se hän me te he minä sinä tämä tuo mutta tai kun jos niin kuin myös vain nyt mitä missä miksi milloin kuka miten kiitos hei moi apua tilaus toimitus tili mun mulla minun teidän ole olisi voi voin voiko saa saanut vielä aina koskaan ei en eivät jo",
    ),
    (
        "pl",
        "i w na z że się nie to jest jak do co po za od o ale czy dla tak już mi mnie mój moja moje mam ma są był była było być proszę dziękuję dzień dobry cześć pomoc zamówienie dostawa konto zwrot kiedy gdzie dlaczego kto który która które jeszcze tylko bardzo nadal nigdy zawsze państwo pan pani przez przed bez mogę może chcę",
    ),
    (
        "cs",
        "a v na s že se ne to je jak do co po za od o ale pro tak už mi mě můj moje mám má jsou byl byla bylo být prosím děkuji dobrý den ahoj pomoc objednávka dodávka účet kdy kde proč kdo který která které ještě jen velmi stále nikdy vždy jsem jste není nemám nebo",
    ),
    (
        "ro",
        "și si în in la de cu pe nu că ca este e sunt am are ați au fost fi un o al ai ale mea meu mei voi eu noi dar sau dacă când unde cum ce cine mai foarte tot bună mulțumesc multumesc ajutor comanda comandă livrare cont încă doar niciodată vă rog salut pentru din după",
    ),
    (
        "hu",
        "a az és hogy nem van volt egy is de ha mi mit mikor hol miért ki én te ő ti ők nekem kérem köszönöm helló szia segítség rendelés szállítás fiók még csak nagyon mindig soha már lesz vagyok vagy kell meg el be ezt azt ez ami aki",
    ),
    (
        "tr",
        "ve bir bu da de için ile ne var yok ben sen biz siz çok ama gibi daha değil mi mı nasıl neden nerede zaman kim lütfen teşekkürler teşekkür merhaba selam yardım sipariş teslimat hesap hala hâlâ hiç her benim sizin olan oldu olarak kadar sonra şu o",
    ),
    (
        "vi",
        "tôi bạn của và là không có cho với được này đó một những các trong khi nào ở đã sẽ đang rất cảm ơn xin chào giúp đơn hàng tài khoản vui lòng mình anh chị em",
    ),
    (
        "ca",
        "el la els les un una i és no que de en per amb meu meva meus seva però com més molt està estan estic són sóc era va ha han he hi ser fer aquest aquesta això quan on perquè què també tot tots res mai sempre hola gràcies ajuda comanda compte bon dia si us plau des fins sense sobre al del dels ni jo vostè ara puc pot vull amb",
    ),
    (
        "hr",
        "i u na da se je ne to kako što šta za od ali sam si smo ste su moj moja moje imam nije nisam bio bila biti molim hvala dobar dan pozdrav pomoć narudžba dostava račun kada gdje gde zašto tko ko koji koja koje još samo vrlo uvijek nikad mi me vas vam",
    ),
    (
        "sk",
        "a v na že sa nie to je ako do čo po za od o ale pre tak už mi ma môj moja moje mám má sú bol bola bolo byť prosím ďakujem dobrý deň ahoj pomoc objednávka účet kedy kde prečo kto ktorý ktorá ktoré ešte len veľmi stále nikdy vždy som ste alebo",
    ),
    (
        "tl",
        "ang ng sa na mga ako ko ka mo siya niya kami namin kayo ninyo hindi po opo ito iyan ano bakit kailan saan paano salamat kumusta pa rin lang naman wala may mayroon para kung at pero yung nyo",
    ),
    (
        "sw",
        "na ya wa kwa ni katika la za hii hiyo huo yangu yako langu wangu sana tafadhali asante habari nini lini wapi kwanini vipi bado hakuna sijapokea agizo akaunti leo jana kama lakini pia",
    ),
    (
        "id",
        "dan yang di ke dari ini itu saya anda kamu kami tidak ada untuk dengan sudah belum bisa mohon terima kasih halo tolong pesanan akun kenapa bagaimana kapan apa juga akan atau saja lagi",
    ),
];

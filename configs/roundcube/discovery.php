<?php
// Tells mail programs where this server is: Thunderbird's autoconfig, Outlook's autodiscover and Apple's profile. For hosted domains
// alone, whatever stands before the @: nothing here tells whether a mailbox exists. Answers hold what is on, at the published ports.
// https://benbucksch.github.io/autoconfig-spec/draft-ietf-mailmaint-autoconfig.html
// https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxdscli
// https://developer.apple.com/documentation/devicemanagement/mail

const REQUEST = 16384; // bytes; one has some 500
const OUTLOOK = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a';
const RESPONSE = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006';

$settings = json_decode(file_get_contents('/etc/mailinfra/discovery.json'), true, flags: JSON_THROW_ON_ERROR);

// Returns the domain as the database has it; null for what is none.
function domain(string $text): ?string
{
    $ascii = $text === '' ? false : idn_to_ascii($text, IDNA_NONTRANSITIONAL_TO_ASCII, INTL_IDNA_VARIANT_UTS46);
    return $ascii !== false && preg_match('/^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/D', $ascii) ? $ascii : null;
}

// Returns an address whose domain is in ASCII; null for what is none.
function address(string $text): ?string
{
    $at = strrpos($text, '@');
    $local = substr($text, 0, (int) $at);
    $domain = $at ? domain(substr($text, $at + 1)) : null;
    return $domain !== null && preg_match('~^[A-Za-z0-9.!#$%&\'*+/=?^_`{|}-]{1,64}$~D', $local) ? "$local@$domain" : null;
}

function hosted(string $domain, array $database): bool
{
    $secret = fn (string $name): string => file_get_contents("/run/secrets/identities_$name");
    $options = [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_TIMEOUT => 5,
        PDO::MYSQL_ATTR_SSL_CA => $database['ca'],
        PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => true,
    ];
    $link = new PDO("mysql:host={$database['host']};port={$database['port']};dbname={$database['name']}", $secret('user'), $secret('password'), $options);
    $found = $link->prepare('SELECT name FROM domains WHERE name = ?');
    $found->execute([$domain]);
    return $found->fetchColumn() !== false;
}

// Sends nothing but a status.
function refuse(int $status): never
{
    http_response_code($status);
    header('Cache-Control: no-store');
    header('Content-Type: text/plain; charset=utf-8');
    exit;
}

function write(XMLWriter $xml, array $elements): void
{
    foreach ($elements as [$name, $content, $attributes]) {
        $xml->startElement($name);
        foreach ($attributes as $attribute => $value) {
            $xml->writeAttribute($attribute, $value);
        }
        is_array($content) ? write($xml, $content) : $xml->text((string) $content);
        $xml->endElement();
    }
}

function element(string $name, string|int|array $content, array $attributes = []): array
{
    return [$name, $content, $attributes];
}

function document(array $root, ?string $type = null): string
{
    $xml = new XMLWriter();
    $xml->openMemory();
    $xml->setIndent(true);
    $xml->startDocument('1.0', 'UTF-8');
    if ($type) {
        $xml->writeDtd('plist', '-//Apple//DTD PLIST 1.0//EN', $type);
    }
    write($xml, [$root]);
    $xml->endDocument();
    return $xml->outputMemory();
}

function autoconfig(string $domain, array $settings): string
{
    $server = fn (string $element, array $one): array => element($element, [
        element('hostname', $settings['hostname']),
        element('port', $one['port']),
        element('socketType', $one['wrapped'] ? 'SSL' : 'STARTTLS'),
        element('authentication', 'password-cleartext'),
        element('username', '%EMAILADDRESS%'),
    ], ['type' => $one['type']]);
    return document(element('clientConfig', [element('emailProvider', [
        element('domain', $domain),
        element('displayName', $domain),
        element('displayShortName', $domain),
        ...array_map(fn ($one) => $server('incomingServer', $one), $settings['incoming']),
        ...array_map(fn ($one) => $server('outgoingServer', $one), $settings['outgoing']),
        element('documentation', [element('descr', 'Webmail', ['lang' => 'en'])], ['url' => $settings['url'] . '/']),
    ], ['id' => $domain])], ['version' => '1.1']));
}

function autodiscover(?string $address, array $settings): string
{
    $server = fn (array $one): array => element('Protocol', [
        element('Type', strtoupper($one['type'])),
        element('Server', $settings['hostname']),
        element('Port', $one['port']),
        element('LoginName', $address),
        element('DomainRequired', 'off'),
        element('SPA', 'off'),
        element('SSL', 'on'),
        element('Encryption', $one['wrapped'] ? 'SSL' : 'TLS'),
        element('AuthRequired', 'on'),
    ]);
    if ($address === null) { // "the e-mail address cannot be found", whatever the reason is
        $response = element('Response', [element('Error', [
            element('ErrorCode', 600),
            element('Message', 'Invalid Request'),
            element('DebugData', ''),
        ], ['Time' => gmdate('H:i:s.0000000'), 'Id' => '0'])]);
    } else {
        $best = [...array_slice($settings['incoming'], 0, 1), ...array_slice($settings['outgoing'], 0, 1)];
        $response = element('Response', [element('Account', [
            element('AccountType', 'email'),
            element('Action', 'settings'),
            ...array_map($server, $best),
        ])], ['xmlns' => OUTLOOK]);
    }
    return document(element('Autodiscover', [$response], ['xmlns' => RESPONSE]));
}

function profile(string $address, array $settings): string
{
    [$in] = $settings['incoming'];
    [$out] = $settings['outgoing'];
    $uuid = fn (string $what): string => implode('-', array_map(
        fn ($part) => substr(hash('sha256', "$what $address {$settings['hostname']}"), ...$part),
        [[0, 8], [8, 4], [12, 4], [16, 4], [20, 12]],
    ));
    $plist = function (array $values) use (&$plist): array {
        if (array_is_list($values)) {
            return element('array', array_map($plist, $values));
        }
        $entries = [];
        foreach ($values as $key => $value) {
            $entries[] = element('key', $key);
            $entries[] = match (true) {
                is_bool($value) => element($value ? 'true' : 'false', []),
                is_int($value) => element('integer', $value),
                is_array($value) => $plist($value),
                default => element('string', $value),
            };
        }
        return element('dict', $entries);
    };
    $account = [
        'PayloadType' => 'com.apple.mail.managed',
        'PayloadVersion' => 1,
        'PayloadIdentifier' => "{$settings['hostname']}.account.{$uuid('account')}",
        'PayloadUUID' => $uuid('account'),
        'PayloadDisplayName' => $address,
        'EmailAccountDescription' => $address,
        'EmailAccountType' => $in['type'] === 'imap' ? 'EmailTypeIMAP' : 'EmailTypePOP',
        'EmailAddress' => $address,
        'IncomingMailServerAuthentication' => 'EmailAuthPassword',
        'IncomingMailServerHostName' => $settings['hostname'],
        'IncomingMailServerPortNumber' => $in['port'],
        'IncomingMailServerUseSSL' => true,
        'IncomingMailServerUsername' => $address,
        'OutgoingMailServerAuthentication' => 'EmailAuthPassword',
        'OutgoingMailServerHostName' => $settings['hostname'],
        'OutgoingMailServerPortNumber' => $out['port'],
        'OutgoingMailServerUseSSL' => true,
        'OutgoingMailServerUsername' => $address,
        'OutgoingPasswordSameAsIncomingPassword' => true,
    ];
    return document(element('plist', [$plist([
        'PayloadType' => 'Configuration',
        'PayloadVersion' => 1,
        'PayloadIdentifier' => "{$settings['hostname']}.profile.{$uuid('profile')}",
        'PayloadUUID' => $uuid('profile'),
        'PayloadDisplayName' => $address,
        'PayloadOrganization' => $settings['hostname'],
        'PayloadContent' => [$account],
    ])], ['version' => '1.0']), 'http://www.apple.com/DTDs/PropertyList-1.0.dtd');
}

// The address that Outlook asks for; null where it asks for something else.
function asked(): ?string
{
    $text = (string) file_get_contents('php://input', length: REQUEST);
    $request = new DOMDocument();
    if ($text === '' || str_contains($text, '<!') || !@$request->loadXML($text, LIBXML_NONET)) {
        return null;
    }
    $value = fn (string $name): string => trim((string) $request->getElementsByTagNameNS('*', $name)->item(0)?->textContent);
    return in_array($value('AcceptableResponseSchema'), ['', OUTLOOK], true) ? address($value('EMailAddress')) : null;
}

$given = fn (string $name): string => is_string($_GET[$name] ?? null) ? $_GET[$name] : '';
$path = strtolower((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
$is_hosted = function (?string $domain) use ($settings): bool {
    try {
        return $domain !== null && hosted($domain, $settings['database']);
    } catch (PDOException $error) {
        error_log('webmail cannot ask for a domain: ' . $error->getMessage());
        header('Retry-After: 60');
        refuse(503);
    }
};
$domain_of = fn (?string $address): ?string => $address === null ? null : substr($address, strrpos($address, '@') + 1);

if (!$settings['incoming'] || !$settings['outgoing']) {
    refuse(404);
}
if (str_ends_with($path, '/config-v1.1.xml')) {
    $named = strtolower(preg_replace('/:\d+$/', '', (string) ($_SERVER['HTTP_HOST'] ?? '')));
    $wanted = $given('emailaddress') === '' ? domain(preg_replace('/^autoconfig\./', '', $named)) : $domain_of(address($given('emailaddress')));
    $is_hosted($wanted) || refuse(404);
    header('Content-Type: application/xml; charset=utf-8');
    header('Cache-Control: public, max-age=3600');
    echo autoconfig($wanted, $settings);
} elseif (str_ends_with($path, '/autodiscover.xml')) {
    $address = $_SERVER['REQUEST_METHOD'] === 'POST' ? asked() : null;
    header('Content-Type: application/xml; charset=utf-8');
    header('Cache-Control: no-store');
    echo autodiscover($is_hosted($domain_of($address)) ? $address : null, $settings);
} else {
    $address = address($given('emailaddress'));
    $is_hosted($domain_of($address)) || refuse(404);
    header('Content-Type: application/x-apple-aspen-config');
    header('Content-Disposition: attachment; filename="mail.mobileconfig"');
    header('Cache-Control: no-store');
    echo profile($address, $settings);
}

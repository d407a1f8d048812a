<?php
// Gives each user the identities of the declared accounts: every address that the submission service lets her send under
// (configs/postfix/mysql/senders.cf), with her name. They follow when the accounts change, at each login and whenever she
// writes or looks at them. Her own names, signatures and choices stay, and what she has removed does not come back.
class mailinfra_identities extends rcube_plugin
{
    // Her own address, what leads to it over aliases that allow it, and the same names in domains that stand for another.
    private const ADDRESSES = 'WITH RECURSIVE own (address) AS ('
        . " SELECT CONCAT(userid, '@', domain) FROM users WHERE userid = ? AND domain = ?"
        . " UNION SELECT CONCAT(aliases.name, '@', aliases.domain) FROM own"
        . ' JOIN aliases ON aliases.target = own.address AND aliases.may_send = 1)'
        . " SELECT address FROM own UNION SELECT CONCAT(SUBSTRING_INDEX(own.address, '@', 1), '@', domains.name)"
        . " FROM own JOIN domains ON domains.alias_of = SUBSTRING_INDEX(own.address, '@', -1)";

    private const NAME = 'SELECT display_name FROM users WHERE userid = ? AND domain = ?';

    public function init()
    {
        $this->add_hook('login_after', [$this, 'follow']);
        $this->add_hook('startup', [$this, 'follow_when_needed']);
    }

    public function follow_when_needed($arguments)
    {
        $places = ['mail' => ['compose'], 'settings' => ['identities', 'edit-identity', 'add-identity']];
        if (in_array($arguments['action'], $places[$arguments['task']] ?? [], true)) {
            $this->follow($arguments);
        }

        return $arguments;
    }

    public function follow($arguments)
    {
        $user = rcmail::get_instance()->user;
        $account = $user && $user->ID ? $this->account($user->get_username()) : null;
        if ($account) {
            $this->write($user, ...$account);
        }

        return $arguments;
    }

    // Returns the addresses, her own one first, and the name; null where the database does not say.
    private function account($login)
    {
        $dsn = rcmail::get_instance()->config->get('mailinfra_identities_dsn');
        $at = strrpos($login, '@');
        $key = [strtolower(substr($login, 0, $at)), rcube_utils::idn_to_ascii(strtolower(substr($login, $at + 1)))];
        $database = rcube_db::factory($dsn);
        $addresses = [];
        $found = $database->query(self::ADDRESSES, ...$key);
        while ($found && ($row = $database->fetch_array($found))) {
            $addresses[] = $row[0];
        }
        $found = $database->query(self::NAME, ...$key);
        $row = $found ? $database->fetch_array($found) : null;
        $own = implode('@', $key);
        if (!$row || !in_array($own, $addresses, true)) {
            return null;
        }
        sort($addresses);

        return [array_unique([$own, ...$addresses]), $row[0]];
    }

    private function write($user, $addresses, $name)
    {
        // What was here before tells which name is hers and which one is ours, and what she has removed.
        $before = $user->get_prefs()['mailinfra_identities'] ?? ['name' => '', 'addresses' => []];
        $there = [];
        foreach ($user->list_identities() as $identity) {
            $address = strtolower($identity['email']);
            $there[] = $address;
            if (!in_array($address, $addresses, true)) {
                $user->delete_identity($identity['identity_id']);
            } elseif ($name !== $identity['name'] && in_array($identity['name'], ['', $before['name']], true)) {
                $user->update_identity($identity['identity_id'], ['name' => $name]);
            }
        }
        foreach (array_diff($addresses, $there, $before['addresses']) as $address) {
            $user->insert_identity(['email' => $address, 'name' => $name, 'standard' => 0]);
        }
        $now = ['name' => $name, 'addresses' => $addresses];
        if ($now !== $before) {
            $user->save_prefs(['mailinfra_identities' => $now]);
        }
    }
}

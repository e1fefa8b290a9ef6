"""Passwords by the command, statement or call that signs in with them.

What it does: lists patterns whose group `value` is the password. What it does not: judge names (`assignment`, `prose`).
Every run in a pattern is bounded or possessive, so that no text makes a match slow.
"""

from __future__ import annotations

from warden.guard.rule import Rule

_QUOTED = r"[\"'][^\"'\n]{0,200}+[\"']\s{0,4},\s{0,4}"
_VALUE = r"(?P<value>[^\"'\n]{3,256})[\"']"


def _rule(rule_id: str, provider: str, pattern: str, keywords: tuple[str, ...], example: str, counter: str) -> Rule:
    return Rule(
        rule_id,
        provider,
        "password",
        pattern=pattern,
        keywords=keywords,
        check="password",
        example=example,
        counter_example=counter,
    )


SIGN_IN_RULES: tuple[Rule, ...] = (
    _rule(
        "sql-password",
        "sql",
        (
            r"(?i)\b(?:identified\s{1,4}(?:with\s{1,4}\S{1,40}\s{1,4})?(?:by|as)(?:\s{1,4}password)?|"
            r"(?:role|user|login|with|encrypted|set)\s{1,4}(?:\S{1,64}\s{1,4}){0,3}password(?:\s{0,4}=)?)\s{0,4}'(?P<value>[^'\n]{3,256})'"
        ),
        ("identified", "password"),
        "CREATE USER svc IDENTIFIED BY '{w12}'",
        "CREATE USER svc IDENTIFIED EXTERNALLY",
    )._replace(near=r"password\s{0,4}(?:=\s{0,4})?'|identified\s"),
    _rule(
        "command-password",
        "command",
        (
            r"(?i)\b(?:docker|podman|skopeo|buildah|helm|oc|nerdctl|az|cf)\b[^\n]{0,80}\blogin\b[^\n]{0,120}?\s-p[ =]?"
            r"[\"']?(?P<value>[^\s\"'-][^\s\"']{3,255})"
        ),
        (" login",),
        "docker login -u ana -p {w16} registry.example.org",
        "docker login -u ana registry.example.org",
    ),
    _rule(
        "ldap-password",
        "ldap",
        r"(?i)\bldap(?:search|modify|add|delete|passwd|whoami)\b[^\n]{0,200}?\s-w\s?[\"']?(?P<value>[^\s\"'-][^\s\"']{2,255})",
        ("ldap",),
        "ldapsearch -x -D cn=admin -w {w16} -b dc=example",
        "ldapsearch -x -D cn=admin -W -b dc=example",
    ),
    _rule(
        "htpasswd-password",
        "command",
        r"(?i)\bhtpasswd\s{1,4}-\w{0,8}b\w{0,8}\s{1,4}(?:\S{1,128}\s{1,4}){2}[\"']?(?P<value>[^\s\"']{3,256})",
        ("htpasswd",),
        "htpasswd -b .htpasswd ana {w16}",
        "htpasswd -c .htpasswd ana",
    ),
    _rule(
        "net-use-password",
        "command",
        r"(?i)\bnet\s{1,4}use\b[^\n]{0,160}/user:\S{1,64}\s{1,4}(?P<value>[^\s/][^\s]{2,255})",
        ("net use",),
        "net use Z: share /user:ana {w16}",
        "net use Z: share /user:ana /persistent:yes",
    ),
    _rule(
        "chpasswd-password",
        "command",
        r"(?i)\becho\s{1,4}(?:-\w\s{1,4})?[\"']?[\w.-]{1,32}:(?P<value>[^\s\"'|]{3,256})[\"']?\s{0,4}\|\s{0,4}(?:sudo\s{1,4})?chpasswd",
        ("chpasswd",),
        "echo 'root:{w16}' | chpasswd",
        "echo 'root' | chpasswd",
    ),
    _rule(
        "expect-password",
        "command",
        r"(?i)assword[^\n\"']{0,8}[\"']\s{0,8}(?:\{\s{0,4})?send\s{1,4}(?:--\s{1,4})?[\"'](?P<value>[^\"'\\\n]{3,128})",
        ("send",),
        'expect "password:"\nsend "{w16}\\r"',
        'expect "password:"\nsend "\\r"',
    )._replace(near=r"assword[^\n\"']{0,8}[\"']\s"),
    _rule(
        "secret-store-pipe",
        "command",
        (
            r"(?i)\b(?:echo|printf)\s{1,4}(?:-\w{1,3}\s{1,4})?(?:[\"']%s(?:\\n)?[\"']\s{1,4})?[\"']?(?P<value>[^\s\"'|]{8,4096})[\"']?"
            r"\s{0,4}\|\s{0,4}[^\n|]{0,100}?(?:\bsecrets?\b|--password-stdin|\bpass\s{1,4}insert|\bkubeseal|--stdin)"
        ),
        ("echo ", "printf "),
        "echo -n '{w32}' | gcloud secrets create api-key --data-file=-",
        "echo -n 'secrets' | wc -c",
    )._replace(begins=True, check="drawn", kind="secret", near=r"\|"),
    _rule(
        "client-password",
        "command",
        (
            r"(?i)\b(?:redis-cli\b[^\n|]{0,120}?\s-a[ =]|"
            r"(?:mongo(?:sh|dump|restore|export|import)?|cqlsh|influx)\b[^\n|]{0,160}?\s-p[ =])[\"']?"
            r"(?P<value>[^\s\"'-][^\s\"']{3,255})"
        ),
        ("redis-cli", "mongo", "cqlsh", "influx"),
        "redis-cli -h cache -a {w16} ping",
        "redis-cli -h cache -n 3 ping",
    ),
    _rule(
        "account-password",
        "command",
        (
            r"(?i)\b(?:rabbitmqctl\s{1,4}(?:add_user|change_password)\s{1,4}\S{1,64}|net\s{1,4}user\s{1,4}\S{1,64}|"
            r"smbclient\b[^\n]{0,120}?\s-U\s{0,2}[\"']?[\w.\\/-]{1,64}%)\s{0,4}(?<=[\s%])(?P<value>[^\s\"'/-][^\s\"']{3,255})"
        ),
        ("rabbitmqctl", "net user", "smbclient"),
        "rabbitmqctl add_user svc {w16}",
        "net user ana /domain",
    ),
    _rule(
        "archive-password",
        "command",
        (
            r"\b(?i:(?:un)?zip\b[^\n|]{0,80}?\s-(?-i:P)\s{0,2}|(?:7z[ar]?|unrar|rar)\b[^\n|]{0,80}?\s-p)[\"']?"
            r"(?P<value>[^\s\"'-][^\s\"']{3,255})"
        ),
        ("zip ", "7z", "rar "),
        "unzip -P {w16} dump.zip",
        "unzip -p dump.zip",
    )._replace(near=r"\s-p\s{0,2}[\"']?[^\s\"'-]"),
    _rule(
        "redis-password",
        "redis",
        r"(?i)(?<![\w.-])(?:requirepass|masterauth)\s{1,4}[\"']?(?P<value>[^\s\"']{6,512})",
        ("requirepass", "masterauth"),
        "requirepass {w16}",
        "# requirepass",
    )._replace(begins=True, check="written"),
    _rule(
        "curl-token-user",
        "curl",
        r"(?i)(?:\s-u\s{0,2}|--user[ =])[\"']?(?P<value>[A-Za-z0-9_.+/=-]{14,512}):[\"']?(?=\s|$)",
        (" -u", "--user"),
        "curl -u {w32}: https://api.example.org",
        "curl -u administrator-account: https://api.example.org",
    )._replace(check="drawn", kind="secret"),
    _rule(
        "driver-address",
        "database",
        r"(?i)(?<![\w/])[\w.-]{1,64}:(?P<value>[^\s@'\"/]{3,128})@(?:tcp|unix|udp)\(",
        ("@tcp(", "@unix(", "@udp("),
        "app:{w12}@tcp(db.example.org:3306)/app",
        "app@tcp(db.example.org:3306)/app",
    ),
    _rule(
        "oracle-address",
        "oracle",
        r"(?i)\bjdbc:oracle:(?:thin|oci8?):[\w.$#-]{1,64}/(?P<value>[^\s@'\"]{3,128})@",
        ("jdbc:oracle",),
        "jdbc:oracle:thin:app/{w12}@//db.example.org:1521/APP",
        "jdbc:oracle:thin:@//db.example.org:1521/APP",
    ),
    _rule(
        "connect-call",
        "database",
        (
            r"(?i)(?:new\s{1,4}(?:pdo|mysqli)|mysqli?_connect|getconnection|ftp_login|imap_open)\s{0,4}\(\s{0,4}"
            rf"(?:\$?[\w.>-]{{1,64}}\s{{0,4}},\s{{0,4}}|{_QUOTED}){{2}}[\"']{_VALUE}"
        ),
        ("new", "mysql_connect", "mysqli_connect", "getconnection", "ftp_login", "imap_open"),
        "new PDO('mysql:host=db;dbname=app', 'svc', '{w12}')",
        "new PDO('sqlite:app.db')",
    )._replace(begins=True),
    _rule(
        "credential-call",
        "http",
        (
            r"(?i)(?:networkcredential|httpbasicauth|basic_?auth|httpdigestauth|usernamepasswordcredentials|"
            r"passwordauthentication|plain_?auth|plaincredentials|\bauth\s{0,4}=\s{0,4}|\.login|\.authenticate|\.auth|\.signin|"
            rf"\.credentials)\s{{0,4}}\(\s{{0,4}}(?:[\w.]{{1,64}}\s{{0,4}},\s{{0,4}}|{_QUOTED})[\"']{_VALUE}"
        ),
        (
            *("networkcredential", "usernamepasswordcredential", "plaincredential", ".credential"),
            *("httpbasicauth", "basicauth", "basic_auth", "httpdigestauth", "passwordauthentication"),
            *("plainauth", "plain_auth", "auth", ".auth", ".login", ".signin"),
        ),
        'new NetworkCredential("svc", "{w12}")',
        "new NetworkCredential(user, password)",
    )._replace(begins=True),
    _rule(
        "sign-in-pair",
        "prose",
        (
            r"(?i)(?:\b(?:credentials?|creds|login|account|zugangsdaten|identifiants|zugang)\b(?:[^\n:/]{0,32}(?=:\s))?\s{0,2}(?:is|are|sind|:|=)?\s{1,3}"
            r"[\w.@-]{2,64}|\b(?:root|admin|administrator|ubuntu|postgres|sa))\s/\s(?P<value>[^\s/,;\"']{6,64})(?=[\s,;.\"']|$)"
        ),
        (" / ",),
        "credentials: ana / {w6}-{d4}!",
        "login: ana / operations",
    )._replace(check="written", near=r"/(?<=\s/)\s[^\s/,;\"']{6}"),
)

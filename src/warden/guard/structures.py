"""Secrets that are known by the structure round them: key blocks, URLs, headers, credential files.

What it does: lists patterns whose group `value` is the secret. What it does not: judge bare values (`assignment`).
Every run in a pattern is bounded or possessive, so that no text makes a match slow.
"""

from __future__ import annotations

from warden.guard.rule import Rule
from warden.guard.sign_ins import SIGN_IN_RULES

STRUCTURE_RULES: tuple[Rule, ...] = (
    *SIGN_IN_RULES,
    Rule(
        "private-key-block",
        "pem",
        "private_key",
        pattern=(
            r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END)){20,20000}+(?:-----END[A-Z0-9 "
            r"]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
        keywords=("private key",),
        example="-----BEGIN RSA PRIVATE KEY-----\n{b64}\n{b64}\n-----END RSA PRIVATE KEY-----",
        counter_example="-----BEGIN PUBLIC KEY-----\n{b64}\n-----END PUBLIC KEY-----",
    ),
    Rule(
        "putty-private-key",
        "putty",
        "private_key",
        pattern=r"Private-Lines: \d{1,3}\r?\n(?P<value>(?:[A-Za-z0-9+/=]{1,80}\r?\n?){1,100})",
        keywords=("private-lines:",),
        example="Private-Lines: 2\n{b64}\n{b64}\n",
        counter_example="Public-Lines: 2\n{b64}\n",
    ),
    Rule(
        "json-web-token",
        "jwt",
        "jwt",
        pattern=r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,4096}+\.eyJ[A-Za-z0-9_-]{8,16384}+\.[A-Za-z0-9_-]{16,2048}+",
        keywords=("eyj",),
        begins=True,
        example="eyJ{v30}.eyJ{v40}.{v43}",
        counter_example="eyJ{v30}",
    ),
    Rule(
        "json-web-encryption",
        "jwt",
        "jwt",
        pattern=(
            r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,4096}+\.[A-Za-z0-9_-]{0,1024}+\.[A-Za-z0-9_-]{10,64}+\.[A-Za-z0-9_-]{10,"
            r"16384}+\.[A-Za-z0-9_-]{16,64}+"
        ),
        keywords=("eyj",),
        begins=True,
        example="eyJ{v30}.{v40}.{v16}.{v80}.{v22}",
        counter_example="eyJ{v30}.{v9}",
    ),
    Rule(
        "url-password",
        "url",
        "url_password",
        pattern=r"://[^\s/:@\"'`<>]{0,128}:(?P<value>[^\s/@\"'`<>]{3,256})@[\w.\[\]-]",
        check="password",
        keywords=("://",),
        example="postgres://service:{w16}@db.internal:5432/app",
        counter_example="https://example.org:8443/path@home",
    ),
    Rule(
        "url-token-user",
        "url",
        "url_password",
        pattern=r"://(?P<value>[A-Za-z0-9_-]{20,256})(?::x-oauth-basic|:)?@[\w.-]",
        check="drawn",
        keywords=("://",),
        example="https://{w32}@git.example.org/repo.git",
        counter_example="https://alice@git.example.org/repo.git",
    ),
    Rule(
        "authorization-header",
        "http",
        "authorization",
        pattern=(
            r"(?i)authorization[\"']?\]?\s{0,3}[:=,]\s{0,3}[\"'`]?(?:basic|bearer|token|digest|key|apikey|bot|negotiate|"
            r"ntlm|splunk|sso-key|ssws|genie-?key)\s{1,3}(?P<value>[A-Za-z0-9+/_=.~:|-]{12,4096})"
        ),
        check="drawn",
        keywords=("authorization",),
        begins=True,
        example="Authorization: Bearer {w40}",
        counter_example="Authorization: Bearer <token>",
    ),
    Rule(
        "bearer-value",
        "http",
        "authorization",
        pattern=r"(?i)\bbearer[ \t]{1,3}(?P<value>[A-Za-z0-9+/_=.~-]{20,4096})",
        check="drawn",
        keywords=("bearer",),
        begins=True,
        example="bearer {w40}",
        counter_example="bearer authentication is required",
    ),
    Rule(
        "basic-value",
        "http",
        "authorization",
        pattern=r"(?i)\bbasic[ \t]{1,3}(?P<value>[A-Za-z0-9+/]{12,1024}={0,2})(?![A-Za-z0-9])",
        check="basic",
        keywords=("basic",),
        begins=True,
        example="curl -H 'Authorization: Basic {b40}'",
        counter_example="basic authentication",
    ),
    Rule(
        "curl-user",
        "curl",
        "password",
        pattern=r"(?i)(?:(?<=\s)-u\s{0,2}|--user[ =]|--proxy-user[ =])[\"']?[^\s:\"']{1,128}:(?P<value>[^\s\"']{3,256})",
        check="password",
        keywords=("-u", "--user", "--proxy-user"),
        begins=True,
        example="curl -u admin:{w20} https://example.org",
        counter_example="curl -u admin https://example.org",
    ),
    Rule(
        "netrc-password",
        "netrc",
        "password",
        pattern=r"(?i)\bmachine\s{1,9}\S{1,255}\s{1,9}login\s{1,9}\S{1,255}\s{1,9}password\s{1,9}(?P<value>\S{3,256})",
        check="password",
        keywords=("machine",),
        begins=True,
        example="machine api.example.org login deploy password {w16}",
        counter_example="machine api.example.org login deploy",
    ),
    Rule(
        "pgpass-line",
        "postgres",
        "password",
        pattern=r"(?<!\S)[\w.*-]{1,255}:(?:\d{2,5}|\*):[\w*-]{1,63}:[\w*-]{1,63}:(?P<value>[^\s:]{4,256})(?!\S)",
        check="password",
        keywords=(":5432:", ":*:", ":5433:", ":6432:"),
        example="db.example.org:5432:app:deploy:{w16}",
        counter_example="db.example.org:5432:app",
    ),
    Rule(
        "kubeconfig-key-data",
        "kubernetes",
        "private_key",
        pattern=r"client-key-data:\s{0,4}(?P<value>[A-Za-z0-9+/=]{64,16384})",
        keywords=("client-key-data",),
        example="client-key-data: {b200}",
        counter_example="client-certificate-data: {b200}",
    ),
    Rule(
        "npmrc-token",
        "npm",
        "npm_token",
        pattern=r"(?i):_(?:authToken|auth|password)\s{0,3}=\s{0,3}\"?(?P<value>[A-Za-z0-9+/_=.-]{8,512})",
        check="drawn",
        keywords=(":_auth", ":_password"),
        example="//registry.example.org/:_authToken={w36}",
        counter_example="//registry.example.org/:always-auth=true",
    ),
    Rule(
        "docker-config-auth",
        "docker",
        "docker_auth",
        pattern=r"\"auth\"\s{0,4}:\s{0,4}\"(?P<value>[A-Za-z0-9+/]{12,1024}={0,2})\"",
        check="basic",
        keywords=('"auth"',),
        example='{"auths": {"registry.example.org": {"auth": "{b40}"}}}',
        counter_example='{"auth": "none"}',
    ),
    Rule(
        "azure-account-key",
        "azure",
        "azure_key",
        pattern=(
            r"(?i)(?:AccountKey|SharedAccessKey|SharedSecretKey|Endpoint=[^;\s]{1,200};AccessKey)\s{0,2}=\s{0,"
            r"2}(?P<value>[A-Za-z0-9+/]{30,128}={0,2})"
        ),
        keywords=("accountkey", "sharedaccesskey", "sharedsecretkey", "accesskey"),
        example="DefaultEndpointsProtocol=https;AccountName=app;AccountKey={b86}==;EndpointSuffix=core.windows.net",
        counter_example="DefaultEndpointsProtocol=https;AccountName=app",
    ),
    Rule(
        "azure-sas-signature",
        "azure",
        "azure_sas",
        pattern=(
            r"(?i)[?&](?:sv|se|sp|sr|st|spr|ss|srt)=[^\s\"'<>]{1,500}?[?&]sig=(?P<value>[A-Za-z0-9%+/]{40,120}(?:=|"
            r"%3d)?)"
        ),
        keywords=("sig=",),
        example="https://app.blob.core.windows.net/c?sv=2022-11-02&sp=r&sig={w43}%3D",
        counter_example="https://app.blob.core.windows.net/c?sv=2022-11-02",
    ),
    Rule(
        "connection-string-password",
        "database",
        "password",
        pattern=(
            r"(?i)(?:server|data source|host|user id|uid|username|endpoint|database)\s{0,2}=[^;\n\"']{1,200};(?:[^;"
            r"\n\"']{1,200};){0,12}\s{0,2}(?:password|pwd)\s{0,2}=\s{0,2}(?P<value>[^;\s\"']{3,256})"
        ),
        check="password",
        keywords=("password=", "pwd=", "password ="),
        example="Server=db.internal;Database=app;User Id=svc;Password={w16};",
        counter_example="Server=db.internal;Database=app;Integrated Security=true;",
    ),
    Rule(
        "slack-webhook",
        "slack",
        "webhook_url",
        pattern=(
            r"(?i)hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/(?P<value>[A-Za-z0-9_]{6,20}/[A-Za-z0-9_]{6,"
            r"20}/[A-Za-z0-9_]{12,64})"
        ),
        keywords=("hooks.slack",),
        example="https://hooks.slack.com/services/T{U10}/B{U10}/{w24}",
        counter_example="https://hooks.slack.com/services/docs",
    ),
    Rule(
        "discord-webhook",
        "discord",
        "webhook_url",
        pattern=r"(?i)discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{15,22}/(?P<value>[A-Za-z0-9_-]{40,100})",
        keywords=("/webhooks/",),
        example="https://discord.com/api/webhooks/{d18}/{v68}",
        counter_example="https://discord.com/api/webhooks/docs",
    ),
    Rule(
        "teams-webhook",
        "microsoft",
        "webhook_url",
        pattern=(
            r"(?i)\.webhook\.office\.com/webhookb2/[0-9a-f@-]{36,90}/IncomingWebhook/(?P<value>[0-9a-z]{32}/[0-9a-f-]{36}(?:"
            r"/[\w-]{20,80})?)"
        ),
        keywords=("webhook.office.com",),
        example=(
            "https://acme.webhook.office.com/webhookb2/{x8}-{x4}-{x4}-{x4}-{x12}@{x8}-{x4}-{x4}-{x4}-{x12}/IncomingWebhook/"
            "{x32}/{x8}-{x4}-{x4}-{x4}-{x12}"
        ),
        counter_example="https://acme.webhook.office.com/docs",
    ),
    Rule(
        "zapier-webhook",
        "zapier",
        "webhook_url",
        pattern=r"(?i)hooks\.zapier\.com/hooks/catch/(?P<value>\d{5,10}/[a-z0-9]{5,12})",
        keywords=("hooks.zapier.com",),
        example="https://hooks.zapier.com/hooks/catch/{d7}/{l7}/",
        counter_example="https://hooks.zapier.com/hooks/",
    ),
    Rule(
        "discord-bot-token",
        "discord",
        "discord_token",
        pattern=r"(?<![A-Za-z0-9_-])[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}(?![A-Za-z0-9_-])",
        keywords=(".",),
        run=59,
        example="M{w23}.{w6}.{v38}",
        counter_example="Module.submodule.function_name",
    ),
    Rule(
        "aws-secret-access-key",
        "aws",
        "aws_secret_key",
        pattern=(
            r"(?i)(?:aws|amazon)[\w ./-]{0,32}[\"'`]?\s{0,3}(?::=|=>|[:=,>]|\bis\b)\s{0,3}[\"'`]?(?P<value>[A-Za-"
            r"z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
        check="drawn",
        keywords=("aws", "amazon"),
        begins=True,
        example="aws_secret_access_key = {b40}",
        counter_example="aws_region = eu-central-1",
    ),
    Rule(
        "firebase-server-key",
        "firebase",
        "firebase_server_key",
        pattern=r"(?<![A-Za-z0-9_-])(?P<value>AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{120,180})",
        keywords=(":apa91b",),
        example="key=AAAA{v7}:APA91b{v134}",
        counter_example="the device token begins with APA91b",
    ),
    Rule(
        "django-secret-key",
        "django",
        "django_secret_key",
        pattern=r"django-insecure-(?P<value>[a-z0-9!@#$%^&*(_=+)-]{40,64})",
        keywords=("django-insecure-",),
        example="SECRET_KEY = 'django-insecure-{l50}'",
        counter_example="keys that begin with django-insecure- are for development",
    ),
    Rule(
        "session-cookie",
        "http",
        "cookie",
        pattern=(
            r"(?i)\b(?:set-)?cookie[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:[\w.-]{1,64}=[^;\s\"']{0,512};?\s?){0,12}?[\w.-]{0,"
            r"48}(?:sess|sid|auth|token|jwt|login|remember)[\w.-]{0,48}=(?P<value>[^;\s\"']{12,4096})"
        ),
        check="drawn",
        keywords=("cookie",),
        begins=True,
        example="Cookie: theme=dark; sessionid={l32}; lang=en",
        counter_example="Cookie: theme=dark; lang=en",
    ),
)

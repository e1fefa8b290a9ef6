"""Texts without secrets that look as if: ordinary mails of a fleet of agents, and webhook payloads of many services.

All drawn from a seed: identifiers, digests and keys that are public have the shapes of the services' documentation.
"""

from __future__ import annotations

import json
from base64 import b64encode
from random import Random
from typing import Any

from warden.testing.guard_samples import draw

_MAILS = (
    "Hi {name},\n\nthe build {d5} failed at commit {x40} on {branch}. Logs: https://ci.example.org/runs/{d10}/jobs/"
    "{d11}\n\nThanks",
    "Could you tell me where I can get an API key for {svc}? Who owns the {svc} account?\n\n{name}",
    "The password reset mails do not arrive. Reset tokens expire after 30 minutes; see ticket OPS-{d4}.",
    "Image digest is sha256:{x64}, please roll it out to {branch}.",
    "We rotated the {svc} token yesterday (request id {uuid}). Nothing to do for you.",
    "Hello,\n\nthe key points of the meeting:\n- token budget is 128000 per run\n- the access key rotation "
    "moves to Q3\n- secret scanning is enabled for acme/{branch}\n\nBest\n{name}",
    "PR https://github.com/acme/service/pull/{d4} changes src/auth/token_provider.py:{d3} and tests/unit/test_passw"
    "ord_policy.py; review please.",
    "Order {d10} was shipped, tracking number 1Z{U16}. Call +49 30 {d8} with questions.",
    "Message-ID: <{x32}@mail.example.org>\nIn-Reply-To: <{v32}@mail.gmail.com>\n\nSounds good, let us do that.",
    "SSH host key fingerprint is SHA256:{b43}, MD5:{x2}:{x2}:{x2}:{x2}:{x2}:{x2}:{x2}:{x2}. Does that match yours?",
    "My public key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b43} {name}@laptop",
    "The secret is stored at secret://ops/{svc}/api-key; use the reference, never the value.",
    "export {svc}_API_KEY=$(vault read -field=key secret/{svc}) and set OTHER_TOKEN=<your token> in .env.example",
    'set password: ${DB_PASSWORD} and api_key: {{ vault_api_key }} in the template; token = os.environ["ACME_TOKEN"]',
    'trace_id={x32} span_id={x16} request_id={uuid} status=401 error="invalid token" path=/v1/tokens/verify',
    "Deploy {U26} (ULID) finished. Terraform plan: 3 to add, 1 to change. Lock id {uuid}.",
    "pip hash mismatch: --hash=sha256:{x64}\n    --hash=sha256:{x64}\nIs the lock file stale?",
    "npm says integrity sha512-{b86}== for left-pad differs from the lock file.",
    "Your verification code will arrive by SMS. If the code does not arrive, call extension {d4}.",
    "Reminder: tokens used this week {d7}, tokens left {d8}. Key: platform-team. Session {d4} starts at 10:30.",
    "The auth service returns 403 for service-account-{d4}@project-{d6}.iam.example.com since version "
    "1.{d2}.{d1}-rc{d1}+{x7}.",
    "git diff {x7}..{x7} shows that the `secret_key_base` default was removed, `api_key` is now required,"
    " and `password` is hashed with scrypt.",
    "See https://docs.example.org/{branch}/authentication#bearer-tokens and https://example.org/a/{v22}?ref={x8}&v=4",
    "Cluster {x8} node ip-10-{d2}-{d2}-{d2}.eu-central-1.compute.internal pod api-{x9}-{l5} restarted,"
    " image api@sha256:{x64}",
    "Password policy: at least 14 characters, no reuse; the password field must not be logged. Bearer "
    "authentication stays.",
    "Certificate serial {X32}, sha1 {x40}, valid until 2027-03-01.",
    "uuid {uuid} replaced {uuid} in table token_audit; primary key id={d9}.",
    "Can you send me the secret santa list? Key takeaways are in the doc: https://docs.google.com/document/d/{v44}/"
    "edit",
    "The Zoom link is https://example.zoom.us/j/{d11}, calendar id c_{x64}@group.calendar.google.com.",
    "| job | commit | result |\n|---|---|---|\n| unit | {x40} | ok |\n| key-rotation | {x40} | ok |\n",
)
_NAMES = ("Ana", "Bo", "Chidi", "Dana", "Eli", "Fatima", "agent-deploy-7", "router")
_SERVICES = ("stripe", "github", "acme", "datadog", "twilio", "openai")
_BRANCHES = ("main", "release/2025.11", "feature/token-refresh", "hotfix/password-reset-mail")


def _filled(text: str, random: Random) -> str:
    for mark, choices in (("{name}", _NAMES), ("{svc}", _SERVICES), ("{branch}", _BRANCHES)):
        text = text.replace(mark, random.choice(choices))
    return draw(text, random)


def mails(random: Random, count: int) -> list[str]:
    """Return `count` ordinary mails, each of one to three paragraphs."""
    return [
        "\n\n".join(_filled(random.choice(_MAILS), random) for _ in range(random.randint(1, 3))) for _ in range(count)
    ]


def _node(random: Random, sort: str) -> str:
    return b64encode(f"0{random.randint(10, 20)}:{sort}{random.randint(10**6, 10**9)}".encode()).decode()


def _user(random: Random) -> dict[str, Any]:
    name = random.choice(_NAMES).lower()
    number = random.randint(1000, 10**8)
    base = f"https://api.github.com/users/{name}"
    return {
        "login": name,
        "id": number,
        "node_id": _node(random, "User"),
        "gravatar_id": draw("{x32}", random),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "url": base,
        "type": "User",
        "followers_url": base + "/followers",
        "gists_url": base + "/gists{/gist_id}",
        "site_admin": False,
    }


def _repository(random: Random) -> dict[str, Any]:
    base = "https://api.github.com/repos/acme/auth-token-service"
    return {
        "id": random.randint(10**6, 10**9),
        "node_id": draw("R_kgDO{v6}", random),
        "name": "auth-token-service",
        "private": True,
        "owner": _user(random),
        "html_url": base.replace("api.", "").replace("repos/", ""),
        "hooks_url": base + "/hooks",
        "keys_url": base + "/keys{/key_id}",
        "git_refs_url": base + "/git/refs{/sha}",
        "ssh_url": "git@github.com:acme/auth-token-service.git",
        "clone_url": "https://github.com/acme/auth-token-service.git",
        "license": {"key": "apache-2.0", "spdx_id": "Apache-2.0", "node_id": _node(random, "License")},
        "pushed_at": "2025-10-01T10:00:00Z",
        "default_branch": "main",
        "topics": ["secrets", "tokens"],
        "temp_clone_token": None,
    }


def _commit(random: Random) -> dict[str, Any]:
    sha = draw("{x40}", random)
    return {
        "id": sha,
        "tree_id": draw("{x40}", random),
        "message": "Rotate the signing key\n\nSigned-off-by: Ana",
        "timestamp": "2025-10-01T10:00:00+02:00",
        "url": f"https://github.com/acme/auth-token-service/commit/{sha}",
        "added": ["src/secrets/api_key.py"],
        "removed": [],
        "modified": ["config/password-policy.yaml"],
        "verification": {
            "verified": True,
            "reason": "valid",
            "signature": "-----BEGIN PGP SIGNATURE-----\n\n"
            + draw("{b64}\n{b64}\n{b64}\n=", random)
            + draw("{b4}", random)
            + "\n-----END PGP SIGNATURE-----",
            "payload": (
                f"tree {draw('{x40}', random)}\nparent {draw('{x40}', random)}\nauthor Ana <a@example.org> 1759300000 "
                f"+0200"
            ),
        },
    }


def _github(random: Random) -> Any:
    body: dict[str, Any] = {
        "repository": _repository(random),
        "sender": _user(random),
        "installation": {"id": random.randint(1, 10**7), "node_id": draw("MDIz{w36}=", random)},
    }
    kind = random.randrange(7)
    if kind == 0:
        body |= {
            "ref": "refs/heads/main",
            "before": draw("{x40}", random),
            "after": draw("{x40}", random),
            "commits": [_commit(random) for _ in range(3)],
            "head_commit": _commit(random),
        }
    elif kind == 1:
        body |= {
            "action": "completed",
            "check_run": {
                "id": 1,
                "node_id": draw("CR_kwDO{v20}", random),
                "head_sha": draw("{x40}", random),
                "external_id": draw("{uuid}", random),
                "details_url": f"https://ci.example.org/{draw('{uuid}', random)}",
                "app": {"client_id": draw("Iv1.{x16}", random), "events": ["deploy_key", "secret_scanning_alert"]},
            },
        }
    elif kind == 2:
        body |= {
            "action": "created",
            "key": {
                "id": 1,
                "key": draw("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{b340}", random),
                "title": "ci",
                "verified": True,
            },
        }
    elif kind == 3:
        body |= {
            "action": "published",
            "package": {
                "name": "app",
                "version": draw("sha256:{x64}", random),
                "container_metadata": {"tag": {"name": "v1", "digest": draw("sha256:{x64}", random)}},
            },
        }
    elif kind == 4:
        body |= {
            "zen": "Keep it logically awesome.",
            "hook_id": 1,
            "hook": {
                "type": "Repository",
                "config": {
                    "content_type": "json",
                    "insecure_ssl": "0",
                    "secret": "********",
                    "url": "https://hooks.example.org/github",
                },
            },
        }
    elif kind == 5:
        body |= {
            "action": "created",
            "alert": {
                "number": 3,
                "secret_type": "adafruit_io_key",
                "secret_type_display_name": "Adafruit IO Key",
                "resolution": None,
                "push_protection_bypassed": False,
            },
        }
    else:
        body |= {
            "action": "opened",
            "issue": {
                "title": "Token refresh fails",
                "body": f"Since {draw('{x7}', random)} the token endpoint answers 401, see #12. Key: value pairs look fine.",
                "node_id": draw("I_kwDO{v12}", random),
                "user": _user(random),
                "labels": [{"name": "password", "color": draw("{x6}", random), "node_id": _node(random, "Label")}],
            },
        }
    return body


def _stripe(random: Random) -> Any:
    return {
        "id": draw("evt_{w24}", random),
        "object": "event",
        "api_version": "2024-06-20",
        "created": random.randint(10**9, 2 * 10**9),
        "type": "charge.succeeded",
        "livemode": True,
        "request": {"id": draw("req_{w14}", random), "idempotency_key": draw("{uuid}", random)},
        "data": {
            "object": {
                "id": draw("ch_{w24}", random),
                "balance_transaction": draw("txn_{w24}", random),
                "payment_intent": draw("pi_{w24}", random),
                "payment_method": draw("pm_{w24}", random),
                "customer": draw("cus_{w14}", random),
                "receipt_url": f"https://pay.stripe.com/receipts/payment/{draw('CAcaFwoVYWNjdF8{v60}', random)}",
                "payment_method_details": {
                    "card": {"fingerprint": draw("{w16}", random), "last4": draw("{d4}", random), "network_token": None}
                },
            }
        },
    }


def _others(random: Random) -> Any:
    u, h = draw("{uuid}", random), draw("{x40}", random)
    return random.choice(
        (
            {
                "object_kind": "push",
                "event_name": "push",
                "checkout_sha": h,
                "project_id": 15,
                "user_avatar": f"https://www.gravatar.com/avatar/{h[:32]}?s=80",
                "project": {"git_ssh_url": "git@example.org:mike/diaspora.git", "ci_config_path": ".gitlab-ci.yml"},
                "commits": [{"id": h, "author": {"name": "Jo", "email": "[REDACTED]"}}],
            },
            {
                "webhookEvent": "jira:issue_updated",
                "issue": {
                    "id": "10002",
                    "key": "OPS-1234",
                    "self": "https://jira.example.org/rest/api/2/issue/10002",
                    "fields": {"project": {"key": "OPS"}, "customfield_10010": f"0|i{draw('{l5}', random)}:"},
                },
                "user": {"accountId": f"557058:{u}", "key": "ana"},
            },
            {
                "event": {
                    "id": draw("{U26}", random),
                    "event_type": "incident.triggered",
                    "data": {
                        "incident_key": u,
                        "dedup_key": draw("{x32}", random),
                        "service": {"id": draw("P{U6}", random)},
                        "html_url": f"https://acme.pagerduty.com/incidents/{draw('{U14}', random)}",
                    },
                }
            },
            {
                "type": "url_verification",
                "challenge": draw("{w52}", random),
                "event_id": draw("Ev{U9}", random),
                "team_id": draw("T{U10}", random),
                "authorizations": [{"user_id": draw("U{U10}", random), "is_bot": True}],
            },
            {
                "push_data": {
                    "pushed_at": 1417566161,
                    "pusher": "ci",
                    "tag": "latest",
                    "images": [draw("{x64}", random)],
                },
                "callback_url": f"https://registry.hub.docker.com/u/acme/app/hook/{draw('{l30}', random)}/",
                "repository": {"repo_name": "acme/app"},
            },
            {
                "eventType": "Microsoft.Storage.BlobCreated",
                "id": u,
                "data": {
                    "eTag": draw("0x{X15}", random),
                    "clientRequestId": u,
                    "requestId": u,
                    "contentType": "text/plain",
                    "sequencer": draw("{d40}", random),
                    "contentMD5": draw("{b22}==", random),
                },
            },
            {
                "Type": "Notification",
                "MessageId": u,
                "TopicArn": "arn:aws:sns:eu-central-1:123456789012:alerts",
                "SignatureVersion": "1",
                "Signature": draw("{b342}==", random),
                "SigningCertURL": f"https://sns.eu.amazonaws.com/SimpleNotificationService-{draw('{x32}', random)}.pem",
                "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:eu:1:alerts:"
                + u,
            },
            {
                "Records": [
                    {
                        "eventSource": "aws:s3",
                        "responseElements": {
                            "x-amz-request-id": draw("{U16}", random),
                            "x-amz-id-2": draw("{b60}", random) + "/" + draw("{b15}=", random),
                        },
                        "s3": {
                            "object": {
                                "key": "reports/2025/keys.csv",
                                "eTag": draw("{x32}", random),
                                "sequencer": draw("{X18}", random),
                            }
                        },
                        "userIdentity": {"principalId": draw("AIDAJ{U16}", random)},
                    }
                ]
            },
            {
                "action": "created",
                "data": {
                    "event": {
                        "event_id": draw("{x32}", random),
                        "project": 1,
                        "platform": "python",
                        "tags": [["release", h], ["server_name", "web-1"]],
                        "contexts": {"trace": {"trace_id": draw("{x32}", random), "span_id": draw("{x16}", random)}},
                        "exception": {"values": [{"type": "InvalidTokenError", "value": "Token has expired"}]},
                    }
                },
            },
            {
                "event_type": "PAYMENT.CAPTURE.COMPLETED",
                "id": draw("WH-{U17}-{U17}", random),
                "resource": {
                    "id": draw("{U17}", random),
                    "links": [
                        {"href": "https://api.paypal.com/v2/payments/captures/" + draw("{U17}", random), "rel": "self"}
                    ],
                },
            },
            {
                "update_id": random.randint(10**8, 10**9),
                "message": {
                    "message_id": 1365,
                    "from": {"id": random.randint(10**8, 10**9), "is_bot": False},
                    "document": {
                        "file_id": draw("BQACAgIAAxkBAA{v60}", random),
                        "file_unique_id": draw("AgAD{w12}", random),
                    },
                },
            },
            {
                "sg_event_id": draw("{b24}==", random),
                "sg_message_id": draw("{v22}.filter0001.16648.{X8}-1E.0", random),
                "event": "delivered",
                "smtp-id": f"<{draw('{x32}', random)}@ismtpd-1>",
                "email": "a@example.org",
            },
            {
                "type": "release",
                "metadata": {
                    "deploymentId": draw("dpl_{w28}", random),
                    "projectId": draw("prj_{w28}", random),
                    "githubCommitSha": h,
                    "url": f"app-{draw('{l9}', random)}-acme.vercel.app",
                },
                "id": draw("{v24}", random),
            },
            {
                "secret": "",
                "ref": "refs/heads/main",
                "before": h,
                "after": h[::-1],
                "compare_url": f"https://git.example.org/a/b/compare/{h}...{h[::-1]}",
                "pusher": {
                    "id": 1,
                    "login": "jo",
                    "avatar_url": f"https://git.example.org/avatars/{h[:32]}",
                    "username": "jo",
                },
            },
            {
                "token_type": "bot",
                "page_token": draw("{v40}", random),
                "next_cursor": draw("{b44}==", random),
                "etag": draw('W/"{x32}"', random),
                "public_key": draw("{b43}=", random),
                "key_id": draw("{x16}", random),
                "fingerprint": draw("{x2}:{x2}:{x2}:{x2}:{x2}:{x2}:{x2}:{x2}", random),
            },
        )
    )


def payloads(random: Random, count: int) -> list[str]:
    """Return `count` webhook payloads as JSON."""
    made = []
    for _ in range(count):
        body = random.choices((_github, _stripe, _others), (5, 1, 4))[0](random)
        made.append(json.dumps(body, indent=random.choice((None, 2))))
    return made

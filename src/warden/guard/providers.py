"""Names of services that hand out credentials: a random value assigned to such a name alone is suspect.

Words that are also everyday English are left out. The list need not be complete: a name that says key, token, secret
or password counts whatever the service.
"""

from __future__ import annotations

from functools import cache

_CLOUD_AND_DATA = """
alibaba aliyun aws azure backblaze bunnycdn cloudant cloudflare cloudinary cloudsmith cockroachdb confluent couchbase
databricks datastax digitalocean dynatrace elasticsearch equinix fastly fauna flyio gcp heroku hetzner influxdb ibmcloud
imagekit kinsta linode mapbox mongodb mysql neon netlify
oracle ovh pinecone planetscale postgres postgresql qdrant rabbitmq
redis render scaleway snowflake supabase tailscale tencent turso upcloud upstash vercel vultr wasabi weaviate zerotier
"""
_DEVELOPMENT = """
appcenter artifactory atlassian auth0 bitbucket bitrise bitwarden
browserstack bugsnag buildkite bugherd circleci clerk codacy
codeclimate codecov confluence contentful contentstack coveralls
crowdin databox deepsource deno descope dockerhub doppler
expo figma firebase fusionauth gitea github gitlab gitpod hashicorp harness honeycomb honeybadger infura instana jenkins
jfrog jira keycloak knapsackpro langfuse langsmith launchdarkly lokalise
miro ngrok npm nuget okta onelogin openshift opsgenie
optimizely packagecloud packagist pagerduty posthog prefect pulumi
pypi readme rollbar rubygems saucelabs sentry shortcut
snyk sonarcloud sonarqube sourcegraph split spacelift statsig statuspage storyblok stytch terraform transifex travisci
wandb webflow workos zeplin
"""
_MODELS = """
anthropic assemblyai cerebras clarifai cohere deepai deepgram
deepl deepseek elevenlabs fireworksai gemini groq huggingface
mistral nvidia openai openrouter perplexity replicate stabilityai togetherai voyageai xai
"""
_MESSAGES_AND_WORK = """
activecampaign airtable apollo asana basecamp bandwidth
brevo calendly campaignmonitor chargebee clearbit clickup clicksend
close coda constantcontact convertkit customerio discord
discourse docusign drift dropbox elasticemail eventbrite freshdesk
freshservice freshbooks frontapp front getresponse gitter
gorgias gotomeeting helpscout hubspot infobip insightly intercom
iterable klaviyo lemlist line livechat mailchimp mailerlite mailgun mailjet mailtrap mandrill mattermost messagebird
mixmax monday nexmo notion nylas omnisend onesignal outreach pandadoc pipedrive plivo podio postmark pushbullet
pusher pushover resend ringcentral rocketchat salesforce salesloft
sendbird sendgrid sendinblue shippo signalwire sinch slack
smartsheet sparkpost surveymonkey telegram telnyx textmagic todoist
trello twilio typeform vonage webex whatsapp wrike zapier
zendesk zoho zoom zulip
"""
_MONEY_AND_PLACES = """
abuseipdb adyen alchemy algolia amadeus amplitude authorizenet
binance bitfinex bitly bitmex bitstamp blockcypher braintree
coinbase coinmarketcap cryptocompare currencylayer datadog dwolla
easypost etherscan fixer flutterwave foursquare gocardless
grafana gumroad heap hotjar hypixel intrinio ipgeolocation
ipinfo ipstack klarna kraken kucoin lemonsqueezy locationiq logdna
loggly logtail mapquest maxmind mixpanel mollie mux
newrelic newsapi opencage openweather openweathermap paddle papertrail
paypal paystack plaid poloniex polygon quandl quickbooks
razorpay recurly samsara scrapingbee securitytrails segment serpapi
shodan shopify splunk spotify square squarespace squareup stripe sumologic tiingo tomtom tradier twitch twitter urlscan
virustotal vimeo wakatime weatherstack wepay wistia woocommerce xero
yelp youtube facebook instagram linkedin pinterest reddit tiktok
strava fitbit garmin netatmo particle adafruit thingspeak ubidots wit yandex baidu dingtalk feishu lark wechat
"""


@cache
def provider_names() -> frozenset[str]:
    """Return the known names, lower case, without separators."""
    return frozenset((_CLOUD_AND_DATA + _DEVELOPMENT + _MODELS + _MESSAGES_AND_WORK + _MONEY_AND_PLACES).split())

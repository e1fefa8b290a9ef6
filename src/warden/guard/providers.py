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

_CLOUD_AND_HOSTING = """
adobe aiven akamai akeneo anypoint apifox appwrite arcgis auth0 aviatrix backendless baremetrics bitnami bluehost boxcloud
bunnynet buttercms cleverapps clouding cloudways cloud66 cockroachlabs contabo coolify couchdb crowdstrike
cyberark datocms deta directus dnsimple dnsmadeeasy dockercloud docker domainr dreamhost edgio elasticcloud elastx
exoscale filestack firebaseio flexport fortinet gandi gigalixir glesys godaddy google googlecloud gcloud googlemaps
graphcms hasura hcloud hivemq hostinger huawei huaweicloud hygraph ibm imgix imperva inmotion
ionos joyent kubernetes leaseweb lightsail localstack mailfence memcachier mezmo minio mongolab
namecheap netbird nextcloud ngrokd ns1 opentok oraclecloud outscale paperspace platformsh pocketbase
porkbun prismic proxmox pubnub pusherapp rackspace redislabs rancher selectel
silverstripe simplybook singlestore stackblitz stackpath storyblocks strapi surrealdb tigerdata timescale
transip uploadcare vercelkv vmware webdav weblate yugabyte zeabur zilliz
"""
_BUILDING_AND_WATCHING = """
airbrake applitools appdynamics appoptics appsignal appveyor argocd assertible autodesk azuredevops
azureopenai betterstack betteruptime bitbar buddybuild bugfender buildbot checkly checkmarx
chromatic circleci cirrusci codefresh codemagic codescene codeship
configcat copado cronitor crowdstrike databox datarobot dbt deepnote detectify dockstore
dynatrace endorlabs fivetran flagsmith flatfile fossa gitguardian gitkraken gocd gremlin
hackerone healthchecks hightouch humio icinga incidentio instatus jumpcloud katalon kibana kitware
lacework lambdatest lightstep logentries logzio mabl metabase mobb moesif nagios netdata
observeiq openapi pingdom pivotaltracker postman qase qualys raygun rapid7 retool rookout
runscope scalyr secureflag sendbird semaphoreci sematext signoz signalfx site24x7 sigmacomputing snowplow
sonatype squadcast squadcastapp stackhawk stackstate statuscake teamcity testim testrail tinybird
tracelytics uptimerobot victorops vagrant veracode wandbai wavefront whitesource whylabs woodpecker zabbix zenduty
"""
_ANSWERS_AND_WORDS = """
ahrefs aleph alephalpha anyscale apify apilayer apininjas aylien baseten bfl braveapi brightdata browserless
coderpad codestral cognigy deepinfra dataforseo diffbot dialogflow dify
fireworks firecrawl gladia googleai gptzero helicone heygen hyperbolic ideogram inworld
kagi kluster lamini langchain leonardo lepton llamacloud llamaindex lmnt meaningcloud minimax
moonshot monkeylearn nlpcloud novita ocrspace openclip openpipe picovoice
playht predibase recraft resemble revai rossum runpod sambanova scaleai semrush serper speechmatics
stabilityai suno symbl synthesia tavily textrazor twelvelabs uclassify vapi vectara voiceflow
wolfram wolframalpha writesonic youdotcom zhipu
"""
_PEOPLE_AND_WORK = """
aftership agora aircall airship alegra amocrm appcues appfollow apptivo attio autopilothq avochato
bamboohr benchmarkemail bestbuy bitrix24 blogger bombbomb boxapp braze breezy bulksms burstsms
callrail canva cleverreach clicktime clockify clockwork cloudtalk companyhub contactout
customerly dialpad docparser ebay emailoctopus engagebay enormail esputnik etsy expensify
facepp feedier filloutforms fleetio flodesk flock flickr forestadmin formcraft formio formstack freshchat freshsales
fullcontact fullstory giphy glip goodreads google googlechat gotowebinar greenhouse groupme hellosign happyfox
helpcrunch hibob homerun hootsuite imgur intra42 invoiced jotform jumpcloud kajabi
keap kickbox kintone kustomer leadfeeder liveagent livestorm lusha luno
mailboxlayer mailcoach mailerlite mailersend mailmodo mailosaur manychat meetup messente
mixcloud moosend moodle muckrack neverbounce nethunt nozbe nutshell omnisend ontraport
openphone oomnitza outlook parsehub parseur paylocity pepipost personio pexels phantombuster
pipefy planyo plivoapi podbean postageapp powrbot productboard proofpoint qualaroo qualtrics
rechtspilot recruitee remotecom restream revamp ringover rippling roamresearch rocketreach
salesflare satismeter seatgeek sendpulse sendy sessionize simplesat skrapp sleekplan smooch smsapi snov snovio
socialbee soundcloud spotinst strava surveysparrow tallyfy talkdesk teamgate
telesign tenor textline ticketmaster timekit toggl trengo tumblr typetalk
unsplash uservoice userflow vbout verimail viber vyond wassenger webinarjam webmaker
wistia workable workday workfront wufoo yotpo zapnito zendeskchat zenkit zerobounce zohocrm zoominfo zuora
"""
_MONEY_PLACES_AND_THINGS = """
abstractapi accuweather aerisweather afterpay airvisual alphavantage ambee amberdata ambientweather ankr apiflash avalara
aviationstack axonaut bannerbear barchart bingmaps bitcoinaverage bitgo bitpay blockfrost blocknative budibase bybit
calorieninjas carboninterface cashfree chainalysis checkoutcom checkr circlepay coinapi coingecko coinlayer coinlib
coinmarketcal coinpaprika commercejs covalent cryptoapis cryptocom currencyfreaks currencyscoop currentsapi daocloud deribit
dlocal duffel ecwid edamam electricitymaps elevateapi ethplorer exchangerateapi exchangeratesapi
factset fastspring finage financialmodelingprep finnhub finicity fidel ftx fxmarket geoapify geocodify geocodio geoipify
getgeoapi glassnode globalgiving gnews goshippo graphhopper gurufocus hitbtc holidayapi hypertrack
iexcloud iexapis imagga invoiceninja ipapi ipbase ipdata ipify ipquality ipqualityscore ipregistry
klarna knotapi korbit kucoinapi languagelayer lightspeed logdash logisticsapi magento mapbox mapquestapi
marketstack mediastack metaapi modernteasury mojio moralis mux myfatoorah n2yo nasa nasdaq neynar nomics nowpayments numverify
nytimes okx omise onfleet oanda openbanking opensea opensky paybright payfit paymongo payoneer paytm payu
pdflayer pinata plaidapi planetlabs polygonscan positionstack prestashop printful printify purestake quicknode
rapidapi rebrandly restpack rutter saltedge satispay screenshotapi screenshotlayer
scrapestack scraperapi scrapingant scrapfly sendle shipengine shipstation shipday skyscanner sezzle smartthings
spoonacular sportradar sportsmonk stackexchange stormglass sumup swyftx synctera tatum taxjar tempestwx thegraph tatumio
timezoneapi tmdb themoviedb tomorrowio traderepublic transferwise treezor truelayer tuya twelvedata ups upbit userstack
usps vatlayer verifone visualcrossing vultrapi walkscore wavesplatform wayfair weatherapi weatherbit
webscraperio whoxy worldpay worldweather xendit yahoofinance yodlee zerion zillow zipapi zonos
"""


@cache
def provider_names() -> frozenset[str]:
    """Return the known names, lower case, without separators."""
    known = (_CLOUD_AND_DATA, _DEVELOPMENT, _MODELS, _MESSAGES_AND_WORK, _MONEY_AND_PLACES)
    more = (_CLOUD_AND_HOSTING, _BUILDING_AND_WATCHING, _ANSWERS_AND_WORDS, _PEOPLE_AND_WORK, _MONEY_PLACES_AND_THINGS)
    return frozenset(" ".join((*known, *more)).split())

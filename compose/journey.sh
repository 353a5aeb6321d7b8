#!/usr/bin/env bash
# Walks the README's journey against a running edge and says what holds: compose/journey.sh [URL]
# Needs curl and nothing else. Every run uses new accounts, so it can be repeated against the same log.
set -euo pipefail

url=${1:-http://127.0.0.1:8080}
password=seven-lamps-light-the-hall
run=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
# How long a view may trail behind the order it belongs to.
settle_seconds=10
token_seller=
token_buyer=
token_other=

main() {
    register seller SELLER
    register buyer BUYER
    register other BUYER
    create_product
    deposit
    order_is_paid
    same_key_is_same_order
    out_of_stock
    insufficient_funds
    shipped_and_kept
    paid_out
    given_back
    paid_by_card
    other_buyer_sees_nothing
    printf 'all %d checks hold on %s\n' "$checks" "$url"
}

register() { # who, role
    local account="{\"email\":\"$1-$run@example.com\",\"password\":\"$password\"}"
    post /auth/register "" "${account%\}},\"name\":\"The $1\",\"role\":\"$2\"}"
    expect "a $2 registers" "$status" 201
    post /auth/login "" "$account"
    expect "and logs in" "$status" 200
    printf -v "token_$1" %s "$(text access_token)"
}

create_product() {
    post /products "$token_seller" '{"name":"Lamp","price":{"amount":1500,"currency":"KRW"},"stock":10}'
    expect "the seller creates a product with stock 10" "$status" 201
    product=$(text product_id)
    eventually "stock shows 10" "get /products/$product $token_buyer" "number available" 10
}

deposit() {
    post /wallet/deposits "$token_buyer" '{"amount":{"amount":10000,"currency":"KRW"}}' "deposit-$run"
    expect "the buyer deposits 10000" "${status/202/200}" 200
    eventually "the wallet shows it" "get /wallet $token_buyer" "number available" 10000
}

order_is_paid() {
    local started
    started=$(milliseconds)
    place 3 first
    first_order=$(text order_id)
    await_final "$first_order"
    expect "an order of 3 is PAID ($(($(milliseconds) - started)) ms after the POST)" "$(text status)" PAID
    eventually "stock shows 7" "get /products/$product $token_buyer" "number available" 7
    eventually "the wallet is lower by the price" "get /wallet $token_buyer" "number available" 5500
    expect "and nothing is held" "$(number held)" 0
}

same_key_is_same_order() {
    place 3 first
    expect "the same POST again gives the same order" "$(text order_id)" "$first_order"
}

out_of_stock() {
    place 8 second
    await_final "$(text order_id)"
    expect "an order of 8 more is CANCELLED" "$(text status)" CANCELLED
    expect "because OUT_OF_STOCK" "$(text cancel_reason)" OUT_OF_STOCK
}

insufficient_funds() {
    place 7 third
    await_final "$(text order_id)"
    expect "an order dearer than the wallet is CANCELLED" "$(text status)" CANCELLED
    expect "because INSUFFICIENT_FUNDS" "$(text cancel_reason)" INSUFFICIENT_FUNDS
    eventually "and the stock is back" "get /products/$product $token_buyer" "number available" 7
    eventually "and the money is all there" "get /wallet $token_buyer" "number available" 5500
}

shipped_and_kept() {
    post "/orders/$first_order/shipments" "$token_seller" '{"carrier":"CJ"}' "ship-$run"
    expect "the seller ships the lines" "$status" 200
    expect "and the order is SHIPPED" "$(text status)" SHIPPED
    post "/orders/$first_order/deliveries" "$token_buyer" '{}' "keep-$run"
    expect "the buyer confirms that they have arrived" "$status" 200
    await_final "$first_order"
    expect "and the order is DELIVERED" "$(text status)" DELIVERED
    get /wallet "$token_seller"
    expect "the money is the seller's" "$(number available)" 4500
}

# To a card where there is a payment provider; without one whoever runs the shop pays it by hand.
paid_out() {
    local sum='{"amount":{"amount":4500,"currency":"KRW"}'
    post /wallet/payouts "$token_seller" "$sum,\"card\":\"sandbox_approved\"}" "payout-$run"
    if [ "$status" = 422 ]; then
        post /wallet/payouts "$token_seller" "$sum}" "payout-$run"
        expect "the seller takes it out" "${status/202/200}" 200
        eventually "and nothing is left of it" "get /wallet $token_seller" "number available" 0
        return 0
    fi
    expect "the seller takes it out, to a card" "${status/202/200}" 200
    eventually "and the card has it" "get /wallet $token_seller" "text status" PAID
    expect "and nothing is left of it in the wallet" "$(number available)" 0
}

given_back() {
    place 2 fourth
    local order
    order=$(text order_id)
    await_final "$order"
    expect "an order of 2 more is PAID" "$(text status)" PAID
    post "/orders/$order/refunds" "$token_buyer" '{"lines":[1]}' "refund-$run"
    expect "the buyer gives the line up" "$status" 200
    await_final "$order"
    expect "and the order is CANCELLED, as all of it is refunded" "$(text cancel_reason)" REFUNDED
    eventually "the goods are back" "get /products/$product $token_buyer" "number available" 7
    eventually "and so is the money" "get /wallet $token_buyer" "number available" 5500
}

# With the sandbox as payment provider: `--payment-provider sandbox`.
paid_by_card() {
    local order
    place 1 fifth ',"card":"sandbox_approved"'
    if [ "$status" = 422 ]; then
        printf 'skipped: this shop has no payment provider\n'
        return 0
    fi
    expect "an order that a card pays is accepted" "$status" 202
    order=$(text order_id)
    await_final "$order"
    expect "and PAID by the $(text payment_method)" "$(text status)" PAID
    eventually "the wallet is as it was" "get /wallet $token_buyer" "number available" 5500
    place 1 sixth ',"card":"sandbox_declined"'
    await_final "$(text order_id)"
    expect "an order whose card is declined is CANCELLED" "$(text cancel_reason)" PAYMENT_DECLINED
    post "/orders/$order/refunds" "$token_buyer" '{}' "card-refund-$run"
    await_final "$order"
    expect "the first is refunded, to the card" "$(text cancel_reason)" REFUNDED
    eventually "and the wallet is as it was" "get /wallet $token_buyer" "number available" 5500
}

other_buyer_sees_nothing() {
    get "/orders/$first_order" "$token_other"
    expect "another buyer gets 404" "$status" 404
}

place() { # quantity, idempotency key, further fields or nothing
    post /orders "$token_buyer" "{\"lines\":[{\"product_id\":\"$product\",\"quantity\":$1}]${3:-}}" "$2-$run"
    [ -n "${3:-}" ] || expect "POST /orders of $1 is accepted" "$status" 202
}

# Long polls until the order is final.
await_final() { request GET "/orders/$1" -H "Authorization: Bearer $token_buyer" -H 'Prefer: wait=10'; }

get() { request GET "$1" -H "Authorization: Bearer $2"; }

post() { # path, token or nothing, body, idempotency key or nothing
    local headers=(-H 'Content-Type: application/json')
    [ -z "$2" ] || headers+=(-H "Authorization: Bearer $2")
    [ -z "${4:-}" ] || headers+=(-H "Idempotency-Key: $4")
    request POST "$1" "${headers[@]}" -d "$3"
}

# Leaves the answer in $status and $body.
request() { # method, path, curl arguments...
    local answer
    answer=$(curl -sS -m 30 -w '\n%{http_code}' -X "$1" "$url$2" "${@:3}") || answer=$'\n000'
    status=${answer##*$'\n'}
    body=${answer%$'\n'*}
}

# The first value of a name in the JSON answer. The names that are asked for here stand in it once.
text() { grep -o "\"$1\":\"[^\"]*\"" <<<"$body" | head -n 1 | cut -d '"' -f 4 || true; }
number() { grep -o "\"$1\":-\?[0-9]*" <<<"$body" | head -n 1 | cut -d : -f 2 || true; }

milliseconds() { date +%s%3N; }

checks=0
expect() { # what, actual, wanted
    checks=$((checks + 1))
    if [ "$2" != "$3" ]; then
        printf 'FAIL  %s: wanted %s, got %s\n      %s %s\n' "$1" "$3" "${2:-nothing}" "$status" "$body"
        exit 1
    fi
    printf 'ok    %s\n' "$1"
}

# A view follows its topic: ask until it shows the value, within the bound.
eventually() { # what, question, field, wanted
    local deadline=$((SECONDS + settle_seconds))
    while $2 && [ "$($3)" != "$4" ] && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.05; done
    expect "$1" "$($3)" "$4"
}

main

#!/bin/sh
# Two people from registration to logout, with curl. Prints each call with its status, and what matters of the answer.
#
#     sh clients/examples/chat_flow.sh [URL]
#
# chat_flow.py is the same in Python.
set -eu

BASE=${1:-http://127.0.0.1:8000}
BASE=${BASE%/}
WORD=$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
ALICE=alice-$WORD
BOB=bob-$WORD
PASSWORD='correct horse battery staple'
ANSWER=$(mktemp)
trap 'rm -f "$ANSWER"' EXIT

# call NAME METHOD PATH [curl's arguments]: one request; the answer is in $ANSWER.
call() {
    name=$1 method=$2 path=$3
    shift 3
    status=$(curl -sS -o "$ANSWER" -w '%{http_code}' -X "$method" "$BASE$path" "$@")
    printf '%-11s %-4s %s %s\n' "$name" "$method" "$path" "$status"
}

# field NAME: a field of the last answer that is a text or a number; programs take a JSON parser.
field() {
    sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' "$ANSWER"
}

for NAME in "$ALICE" "$BOB"; do
    BODY="{\"username\": \"$NAME\", \"password\": \"$PASSWORD\"}"
    call CreateUser POST /register -H 'Content-Type: application/json' -d "$BODY"
    call Login POST /login -H 'Content-Type: application/json' -d "$BODY"
    if [ "$NAME" = "$ALICE" ]; then ALICE_TOKEN=$(field access_token); else BOB_TOKEN=$(field access_token); fi
done

call GetUsers GET '/users/show?limit=50' -H "Authorization: Bearer $ALICE_TOKEN"
echo "  $(grep -o '"username"' "$ANSWER" | wc -l | tr -d ' ') users"

# Whoever does not get an answer sends again with the same client_id: the message is there once.
for TRY in 1 2; do
    call SendMessage POST /api/chat/messages/ -H "Authorization: Bearer $ALICE_TOKEN" -H 'Content-Type: application/json' \
        -d "{\"receiver\": \"$BOB\", \"message\": \"Hello, Bob!\", \"client_id\": \"$WORD\"}"
    echo "  seq $(field seq)"
done
call SendMessage POST /api/chat/messages/ -H "Authorization: Bearer $BOB_TOKEN" -H 'Content-Type: application/json' \
    -d "{\"receiver\": \"$ALICE\", \"message\": \"Hello, Alice!\"}"

call GetMessages GET "/api/chat/messages/?with=$BOB" -H "Authorization: Bearer $ALICE_TOKEN"
grep -o '"content":"[^"]*"' "$ANSWER" | sed 's/^"content":/  /' # the newest comes first

call Logout POST /auth/logout -H "Authorization: Bearer $ALICE_TOKEN"
call Logout POST /auth/logout -H "Authorization: Bearer $BOB_TOKEN"
call GetUsers GET /users/show -H "Authorization: Bearer $ALICE_TOKEN" # 401: in force at once

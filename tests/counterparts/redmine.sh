#!/bin/sh
# A real Redmine (Debian's package, SQLite) holding the real permit log, as a back office to test against.
#   redmine.sh install PEERS_DIR RECEIPT_CSV   installs and seeds it where that is missing; says nothing when all is there
#   redmine.sh serve PORT FOLDER               runs it in the foreground on a copy of the seeded database in FOLDER
# Needs root (or sudo). Nothing of it is part of the product.
set -eu
[ "$(id -u)" = 0 ] || exec sudo -E "$0" "$@"

home=/usr/share/redmine
seeded=/var/lib/redmine/guichet-seeded.sqlite3
database=/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default

# anyone may ask the applicant (status 4): Redmine silently ignores changes its workflow does not know
feedback='r = Role.givable.first; IssueStatus.pluck(:id).each { |s|
    WorkflowTransition.find_or_create_by!(tracker_id: Tracker.first.id, role_id: r.id, old_status_id: s, new_status_id: 4) }'

run() { # run SCRIPT [WORD…]: a Ruby script inside Redmine
    (cd $home && setpriv --reuid=www-data --regid=www-data --init-groups env HOME=/var/lib/redmine \
        REDMINE_INSTANCE=default RAILS_ENV=production bundle exec rails runner "$@")
}

install() {
    peers=$1 log=$2
    [ -s $seeded ] && return 0
    export DEBIAN_FRONTEND=noninteractive
    if ! [ -s $home/Gemfile.local ]; then
        apt-get update -q
        apt-get install -y --no-install-recommends debconf-utils
        printf '%s\n' 'redmine redmine/instances/default/dbconfig-install boolean true' \
            'redmine redmine/instances/default/database-type select sqlite3' | debconf-set-selections
        # its last step fails: a regression of the packaged bundler, which the next lines repair
        apt-get install -y --no-install-recommends redmine redmine-sqlite puma || true
        sh "$peers/fix-redmine-bundler.sh"
        dpkg --configure -a
        echo 'gem "puma"' >$home/Gemfile.local
        sh "$peers/fix-redmine-bundler.sh"
        (cd $home && bundle install --local)
        chown www-data: /var/lib/redmine/Gemfile.lock
    fi
    # what runs as www-data must be able to read it
    work=$(mktemp -d)
    chmod 755 "$work"
    cp "$peers/redmine-init.rb" "$peers/redmine-seed.rb" "$work"
    cp "$log" "$work/receipt.csv"
    chmod 644 "$work"/*
    run "$work/redmine-init.rb"
    # an installation that was broken off may have been seeded
    run 'exit Issue.count == 0' && run "$work/redmine-seed.rb" "$work/receipt.csv" permits
    run "$feedback"
    rm -r "$work"
    cp $database $seeded
}

serve() {
    cp $seeded "$2/redmine.sqlite3"
    chown -R www-data: "$2"
    cd $home
    exec setpriv --reuid=www-data --regid=www-data --init-groups env HOME=/var/lib/redmine REDMINE_INSTANCE=default \
        RAILS_ENV=production RAILS_LOG_TO_STDOUT=1 DATABASE_URL="sqlite3:$2/redmine.sqlite3" \
        bundle exec puma -e production -b "tcp://127.0.0.1:$1" -w 2 --preload -t 4:4 config.ru
}

verb=$1
shift
"$verb" "$@"

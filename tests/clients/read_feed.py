"""Reads a feed as podcast programs do and fetches its enclosures: one line per entry, fields between tabs."""

import calendar
import sys
import urllib.request

reader, url = sys.argv[1:]


def with_feedparser():
    import feedparser

    feed = feedparser.parse(url)
    if feed.bozo:
        raise feed.bozo_exception
    for entry in feed.entries:
        (enclosure,) = entry.enclosures
        published = calendar.timegm(entry.published_parsed)
        yield entry.title, entry.id, published, entry.get("itunes_duration", "-"), enclosure.href, \
            enclosure.length, enclosure.type


def with_podcastparser():
    import podcastparser

    feed = podcastparser.parse(url, urllib.request.urlopen(url))
    for episode in feed["episodes"]:
        (enclosure,) = episode["enclosures"]
        yield episode["title"], episode["guid"], episode["published"], episode["total_time"] or "-", \
            enclosure["url"], enclosure["file_size"], enclosure["mime_type"]


def fetched(url):
    head = urllib.request.urlopen(urllib.request.Request(url, method="HEAD"))
    start = urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=0-15"}))
    return head.headers["Content-Length"], head.headers["Content-Type"], start.status, start.read().hex()


entries = {"feedparser": with_feedparser, "podcastparser": with_podcastparser}[reader]
for entry in entries():
    print(*entry, *fetched(entry[4]), sep="\t")

"""`tatara sql` over an object store that speaks S3: s3_test.py TATARA. The store here checks who asks, not the signature itself."""
import http.server
import os
import re
import threading
import urllib.parse

from harness import Tests, main, tatara

tests = Tests()
REGRESSOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "regressor.onnx")
OBJECTS = {"/data/days/1.csv": b"x,y\n1,2\n3,4\n", "/data/days/2.csv": b"x,y\n5,6\n", "/data/else.csv": b"x,y\n9,9\n",
           "/data/points.csv": b"a,b,c,y\n1,2,3,14\n4,5,6,30\n",
           "/data/stock.csv": b"item,at,count\n7,2026-01-01T00:00:00Z,10\n7,2026-01-02T00:00:00Z,20\n8,2026-01-02T12:00:00Z,30\n"}


class Store(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        if not re.match(r"AWS4-HMAC-SHA256 Credential=the-user/\d{8}/eu-west-1/s3/aws4_request", self.headers.get("Authorization", "")):
            return self.answer(403)
        url = urllib.parse.urlsplit(self.path)
        path, query = urllib.parse.unquote(url.path), urllib.parse.parse_qs(url.query)
        if "list-type" in query:
            names = [name.removeprefix("/data/") for name in OBJECTS if name.startswith("/data/" + query.get("prefix", [""])[0])]
            found = "".join(f"<Contents><Key>{name}</Key><Size>{len(OBJECTS['/data/' + name])}</Size></Contents>" for name in names)
            return self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode())
        body = OBJECTS.get(path)
        if body is None:
            return self.answer(404)
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if self.command == "HEAD" or not wanted:
            return self.answer(200, body, Accept_Ranges="bytes")
        first, last = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
        return self.answer(206, body[first:last + 1], Content_Range=f"bytes {first}-{last}/{len(body)}")

    do_HEAD = do_GET


def with_store(binary, look, **env):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store) as store:
        threading.Thread(target=store.serve_forever, daemon=True).start()
        keys = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.server_port}", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "the-user",
                "AWS_SECRET_ACCESS_KEY": "secret"}
        with tatara(binary, **{**keys, **env}) as t:
            look(t)
        store.shutdown()


@tests.test
def objects_and_globs_are_read_with_the_users_credentials(binary):
    def look(t):
        assert t.json("sql", "SELECT * FROM 's3://data/days/1.csv' ORDER BY x")["rows"] == [[1, 2], [3, 4]]
        assert t.json("sql", "SELECT sum(x), count(*) FROM 's3://data/days/*.csv'")["rows"] == [[9, 3]]
        with open(f"{t.folder}/here.csv", "w") as here:
            here.write("x,name\n3,three\n")
        assert t.json("sql", "SELECT name, y FROM 's3://data/days/1.csv' JOIN 'here.csv' USING (x)")["rows"] == [["three", 4]]

    with_store(binary, look)


PROJECT = """
project: far
features:
  sources:
    stock: {path: "s3://data/stock.csv", time: at, keys: [item]}
  views:
    level: {source: stock, ttl: 2d, columns: [count]}
  services:
    one: [level]
"""


@tests.test
def a_source_in_a_store_is_joined_and_asked_by_name(binary):
    def look(t):
        with open(f"{t.folder}/tatara.yaml", "w") as project, open(f"{t.folder}/spine.csv", "w") as spine:
            project.write(PROJECT)
            spine.write("item,t\n7,2026-01-03T00:00:00Z\n8,2026-01-03T00:00:00Z\n7,2026-01-09T00:00:00Z\n")
        assert t.json("sql", "SELECT max(count) FROM stock")["rows"] == [[30]]
        result = t.run("features", "build", "one", "--spine", "spine.csv", "--time", "t", "-o", "out.csv")
        assert result.code == 0, result.err
        assert [line.split(",")[-1] for line in open(f"{t.folder}/out.csv").read().split()] == ["count", "20", "30", ""]
        for tool in (["drift", "s3://data/stock.csv", "s3://data/stock.csv"],
                     ["evaluate", "--model", REGRESSOR, "--data", "s3://data/points.csv", "--label", "y"]):
            result = t.run(*tool)
            assert result.code == 0, (tool, result.err)

    with_store(binary, look)


@tests.test
def what_is_not_there_or_not_ours_is_named(binary):
    def look(t):
        result = t.run("sql", "SELECT * FROM 's3://data/days/3.csv'")
        assert result.code == 6 and "s3://data/days/3.csv" in result.err and "404" in result.err, (result.code, result.err)
        result = t.run("sql", f"SELECT * FROM '{t.env['AWS_ENDPOINT_URL']}/data/else.csv'")
        assert result.code == 5 and "s3://" in result.err, (result.code, result.err)

    def look_as_another(t):
        result = t.run("sql", "SELECT * FROM 's3://data/days/1.csv'")
        assert result.code == 6 and "403" in result.err, (result.code, result.err)

    with_store(binary, look)
    with_store(binary, look_as_another, AWS_ACCESS_KEY_ID="somebody")


if __name__ == "__main__":
    main(tests)

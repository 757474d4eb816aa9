#!/usr/bin/python3
"""A job from Python: client.py CONTEXT BUNDLE.tar, where the bundle holds bin/count.sh."""
import hashlib, json, sys, uuid
import grpc
from google.bytestream import bytestream_pb2 as stream, bytestream_pb2_grpc
from google.protobuf.json_format import ParseDict
from punnet.v1 import job_service_pb2 as jobs, job_service_pb2_grpc

context, data = json.load(open(sys.argv[1])), open(sys.argv[2], "rb").read()
tls = grpc.ssl_channel_credentials(context["caPem"].encode())
token = grpc.access_token_call_credentials(context["token"])
channel = grpc.secure_channel(context["endpoint"], grpc.composite_channel_credentials(tls, token))
blobs = bytestream_pb2_grpc.ByteStreamStub(channel)
service = job_service_pb2_grpc.JobServiceStub(channel)

blob = {"sha256": hashlib.sha256(data).hexdigest(), "sizeBytes": len(data)}
name = f"uploads/{uuid.uuid4()}/blobs/{blob['sha256']}/{len(data)}"  # over 4 MB: in several requests
blobs.Write(iter([stream.WriteRequest(resource_name=name, data=data, finish_write=True)]))
request = jobs.SubmitJobRequest(request_id=str(uuid.uuid4()))  # the same again does no harm
ParseDict({  # a job file's fields
    "name": "from-python", "tasks": {"count": 2}, "outputs": ["counts.txt"],
    "bundles": {each: {"blob": blob} for each in ("x86_64", "aarch64", "armv7l", "armv6l")},
    "command": ["/bundle/bin/count.sh", "/bundle/bin/count.sh"],
}, request.spec)
job = service.SubmitJob(request).job
for seen in service.WatchJob(jobs.WatchJobRequest(job_id=job.job_id)):
    print(seen.job.counts.succeeded, "of", seen.job.counts.total, file=sys.stderr)
outputs = stream.ReadRequest(resource_name=f"jobs/{job.job_id}/tasks/0/outputs/counts.txt")
sys.stdout.buffer.writelines(part.data for part in blobs.Read(outputs))

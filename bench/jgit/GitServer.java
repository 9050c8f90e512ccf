import java.io.File;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;
import org.eclipse.jetty.util.log.Log;
import org.eclipse.jetty.util.log.StdErrLog;
import org.eclipse.jgit.http.server.GitServlet;
import org.eclipse.jgit.lib.Repository;
import org.eclipse.jgit.storage.file.WindowCacheConfig;
import org.eclipse.jgit.transport.ReceivePack;
import org.eclipse.jgit.transport.UploadPack;
import org.eclipse.jgit.transport.resolver.FileResolver;

/** Serves the bare repositories in a folder over smart HTTP with JGit: java GitServer FOLDER PORT. */
public final class GitServer {
  public static void main(String[] arguments) throws Exception {
    Log.setLog(new StdErrLog());
    ((StdErrLog) Log.getRootLogger()).setLevel(StdErrLog.LEVEL_WARN);
    WindowCacheConfig cache = new WindowCacheConfig();
    cache.setPackedGitLimit(256L << 20);
    cache.setPackedGitWindowSize(1 << 20);
    cache.setPackedGitOpenFiles(1024);
    cache.install();

    GitServlet servlet = new GitServlet();
    servlet.setRepositoryResolver(new FileResolver<>(new File(arguments[0]), true));
    servlet.setUploadPackFactory((request, repository) -> {
      UploadPack upload = new UploadPack(repository);
      upload.setRequestPolicy(UploadPack.RequestPolicy.REACHABLE_COMMIT);
      return upload;
    });
    servlet.setReceivePackFactory((request, repository) -> {
      ReceivePack receive = new ReceivePack(repository);
      receive.setAllowNonFastForwards(true);
      return receive;
    });

    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(Integer.parseInt(arguments[1]));
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    context.addServlet(new ServletHolder(servlet), "/*");
    server.setHandler(context);
    server.start();
    server.join();
  }
}
